package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.RangeDeletion;
import dev.catena.engine.entry.RangeDeletions;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A table's deletions of ranges, in fragments that ascend and do not overlap:
 *
 * <pre>
 * payload  = u32 count, fragment*
 * fragment = u32 length of begin, u32 length of end, u32 sequence numbers, begin, end, u64 sequence number*, newest first
 * </pre>
 */
final class RangeBlock {
    private static final int FRAGMENT_HEADER = 12;

    private RangeBlock() {}

    /** The payload. */
    static byte[] encode(RangeDeletions ranges) {
        long bytes = 4;
        for (int i = 0; i < ranges.count(); i++) {
            bytes += FRAGMENT_HEADER + ranges.begin(i).length + ranges.end(i).length + 8L * ranges.sequences(i).length;
        }
        ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(ranges.count());
        for (int i = 0; i < ranges.count(); i++) {
            out.putInt(ranges.begin(i).length).putInt(ranges.end(i).length).putInt(ranges.sequences(i).length);
            out.put(ranges.begin(i)).put(ranges.end(i));
            for (long sequence : ranges.sequences(i)) {
                out.putLong(sequence);
            }
        }
        return out.array();
    }

    /**
     * Reads a verified frame's payload.
     *
     * @throws CorruptionException when it is not one
     */
    static RangeDeletions decode(Path file, long offset, long frame, KeyOrder order) {
        long bytes = Frame.rawBytes(frame);
        if (!Frame.isPlain(frame)) {
            throw new CorruptionException(file, offset, "deletions of ranges", "a packed frame");
        }
        ByteBuffer in = ByteBuffer.wrap(Memory.toArray(frame + TableFormat.FRAME_HEADER, (int) bytes))
                .order(ByteOrder.LITTLE_ENDIAN);
        try {
            List<RangeDeletion> deletions = new ArrayList<>();
            byte[] last = null;
            for (int left = in.getInt(); left > 0; left--) {
                int beginLength = in.getInt();
                int endLength = in.getInt();
                int sequences = in.getInt();
                byte[] begin = get(in, beginLength);
                byte[] end = get(in, endLength);
                boolean inOrder = !order.isKnown()
                        || ((last == null || order.compare(last, begin) <= 0) && order.compare(begin, end) < 0);
                if (!inOrder || sequences < 1) {
                    throw new CorruptionException(file, offset, "deletions of ranges in order", "others");
                }
                for (int i = 0; i < sequences; i++) {
                    deletions.add(new RangeDeletion(begin, end, in.getLong()));
                }
                last = end;
            }
            if (in.hasRemaining()) {
                throw new CorruptionException(file, offset, "deletions of ranges", in.remaining() + " bytes more");
            }
            return order.isKnown() ? RangeDeletions.of(order, deletions) : RangeDeletions.NONE;
        } catch (BufferUnderflowException e) {
            throw new CorruptionException(file, offset, "deletions of ranges", "the end of the frame in between");
        }
    }

    private static byte[] get(ByteBuffer in, int length) {
        if (length < 0 || length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] bytes = new byte[length];
        in.get(bytes);
        return bytes;
    }
}
