package dev.catena.engine;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** What may have become of a table's file so that it cannot be opened. */
enum TableDamage {
    MISSING("no file") {
        @Override
        void to(Path table) throws IOException {
            Files.delete(table);
        }
    },
    EMPTY("0 bytes") {
        @Override
        void to(Path table) throws IOException {
            cut(table, 0);
        }
    },
    CUT_BY_A_BYTE("bytes") {
        @Override
        void to(Path table) throws IOException {
            cut(table, Files.size(table) - 1);
        }
    },
    CUT_IN_THE_MIDDLE("bytes") {
        @Override
        void to(Path table) throws IOException {
            cut(table, Files.size(table) / 2);
        }
    },
    MAGIC("a footer that begins with") {
        @Override
        void to(Path table) throws IOException {
            flip(table, Files.size(table) - FOOTER);
        }
    },
    FOOTER_FIELD("footer checksum") {
        @Override
        void to(Path table) throws IOException {
            flip(table, Files.size(table) - FOOTER + 40);
        }
    },
    CHUNK_CHECKSUMS("sum of chunk checksums") {
        @Override
        void to(Path table) throws IOException {
            flip(table, footerField(table, 16));
        }
    },
    ROOT("block checksum") {
        @Override
        void to(Path table) throws IOException {
            flip(table, footerField(table, 40) + 20);
        }
    },
    ZEROS("length of the body") {
        @Override
        void to(Path table) throws IOException {
            long bytes = Files.size(table);
            cut(table, 0);
            cut(table, bytes);
        }
    },
    SOMETHING_ELSE("something else than a file") {
        @Override
        void to(Path table) throws IOException {
            Files.delete(table);
            Files.createDirectory(table);
        }
    };

    private static final int FOOTER = 128;

    /** A part of what is told. */
    final String told;

    TableDamage(String told) {
        this.told = told;
    }

    /** Does it to a table's file. */
    abstract void to(Path table) throws IOException;

    private static void cut(Path table, long bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    /** Changes a bit of a file's byte. */
    static void flip(Path table, long at) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "rw")) {
            file.seek(at);
            int before = file.read();
            file.seek(at);
            file.write(before ^ 0x10);
        }
    }

    private static long footerField(Path table, int offset) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "r")) {
            byte[] field = new byte[8];
            file.seek(file.length() - FOOTER + offset);
            file.readFully(field);
            return ByteBuffer.wrap(field).order(ByteOrder.LITTLE_ENDIAN).getLong();
        }
    }
}
