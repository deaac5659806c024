package dev.catena.engine;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Operators for {@link Options#withMergeOperator}. */
public final class MergeOperators {
    private static final String APPEND = "append:";

    private MergeOperators() {}

    /**
     * Adds numbers: values and operands are 8 bytes, a little-endian number each, added modulo 2⁶⁴ (so a negative operand subtracts).
     * Where there is no value, to 0. A value or operand of other length makes reads of its key throw.
     */
    public static MergeOperator counter() {
        return Counter.INSTANCE;
    }

    /** Adds operands at the end of the value, the delimiter before each but where there was no value. */
    public static MergeOperator append(byte[] delimiter) {
        return new Append(delimiter.clone());
    }

    /** The operator of this class that has a name, or null. */
    static @Nullable MergeOperator named(String name) {
        if (name.equals(Counter.INSTANCE.name())) {
            return Counter.INSTANCE;
        }
        return name.startsWith(APPEND) ? new Append(HexFormat.of().parseHex(name.substring(APPEND.length()))) : null;
    }

    private static final class Counter implements MergeOperator {
        static final Counter INSTANCE = new Counter();
        private static final VarHandle NUMBER =
                MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

        @Override
        public String name() {
            return "counter";
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            long sum = base == null ? 0 : number(base);
            for (byte[] operand : operands) {
                sum += number(operand);
            }
            byte[] value = new byte[Long.BYTES];
            NUMBER.set(value, 0, sum);
            return value;
        }

        @Override
        public byte[] combine(byte[] key, List<byte[]> operands) {
            return merge(key, null, operands);
        }

        private static long number(byte[] bytes) {
            if (bytes.length != Long.BYTES) {
                throw new IllegalArgumentException("a counter has 8 bytes, not " + bytes.length);
            }
            return (long) NUMBER.get(bytes, 0);
        }
    }

    private static final class Append implements MergeOperator {
        private final byte[] delimiter;

        Append(byte[] delimiter) {
            this.delimiter = delimiter;
        }

        @Override
        public String name() {
            return APPEND + HexFormat.of().formatHex(delimiter);
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            long length = base == null ? -delimiter.length : base.length;
            for (byte[] operand : operands) {
                length += delimiter.length + operand.length;
            }
            if (length > Limits.VALUE_BYTES_MAX) {
                throw new IllegalArgumentException("appended, the value has " + length + " bytes: at most "
                        + Limits.VALUE_BYTES_MAX + " are allowed");
            }
            byte[] value = new byte[(int) length];
            int at = 0;
            if (base != null) {
                System.arraycopy(base, 0, value, 0, base.length);
                at = base.length;
            }
            boolean first = base == null;
            for (byte[] operand : operands) {
                if (!first) {
                    System.arraycopy(delimiter, 0, value, at, delimiter.length);
                    at += delimiter.length;
                }
                first = false;
                System.arraycopy(operand, 0, value, at, operand.length);
                at += operand.length;
            }
            return value;
        }

        @Override
        public byte[] combine(byte[] key, List<byte[]> operands) {
            return merge(key, null, operands);
        }
    }
}
