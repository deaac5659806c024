package dev.catena.io.internal;

/**
 * The chain ABI, version 4, as offsets in bytes: the mirror of {@code catena_chain.h}, where each field is described
 * and where it says who writes what. {@code ChainLayoutTest} compares the two through the compiled program's BTF.
 * Names are those of the header, in capitals.
 */
public final class ChainLayout {
    public static final int MAGIC = 0x414e5443;
    public static final int ABI_VERSION = 4;
    public static final int HEADER_OFFSET = 4096;

    public static final int MAX_FILES = 16384;
    public static final int MAX_RINGS = 256;
    public static final int MAX_CHAINS = 4096;
    public static final int MAX_ACCOUNTS = 1024;
    public static final int MAX_STEPS = 4096;
    public static final int MAX_FANOUT = 32;
    public static final int MAX_WINDOW = 64;
    public static final int MAX_HASHED = 131072;
    public static final int LATENCY_BUCKETS = 32;
    public static final int WAKE_ENTRIES = 64;

    public static final int NOP = 0;
    public static final int READ = 1;
    public static final int WRITE = 2;
    public static final int SYNC = 3;
    public static final int RESERVE = 4;
    public static final int TRUNCATE = 5;

    public static final int SHORT_STOP = 0;
    public static final int SHORT_CONTINUE = 1;
    public static final int SHORT_ACCEPT = 2;
    public static final int SHORT_JUMP = 3;

    public static final int ERROR_STOP = 0;
    public static final int ERROR_RETRY = 1;
    public static final int ERROR_JUMP = 2;
    public static final int ERROR_ACCEPT = 3;

    public static final int ACCUMULATE = 1;
    public static final int VERIFY = 2;
    public static final int STORE_HASH = 4;
    public static final int STORE_SUM = 8;
    public static final int OFFSET_INDIRECT = 16;
    public static final int BARRIER = 32;
    public static final int LENGTH_INDIRECT = 64;
    public static final int DATA_BITS = 127;

    public static final int STEP_IDLE = 0;
    public static final int STEP_DEFERRED = 1;
    public static final int STEP_ISSUED = 2;
    public static final int STEP_DONE = 3;
    public static final int STEP_FAILED = 4;

    public static final int CHAIN_IDLE = 0;
    public static final int CHAIN_RUNNING = 1;
    public static final int CHAIN_ENDING = 2;
    public static final int CHAIN_FINISHED = 3;

    public static final int LOOPS = 1;

    public static final long TAG = 0xCA7EL;
    public static final int KIND_STEP = 1;
    public static final int KIND_DOORBELL = 2;
    public static final int KIND_WAKE = 3;
    public static final int KIND_REGISTER = 4;
    public static final int KIND_RELEASE = 5;
    public static final int KIND_BELL = 6;

    /** {@link Ring#WAITING} of a ring whose thread stays in the kernel. */
    public static final int WAITING_ALWAYS = -1;

    private ChainLayout() {}

    /** {@code struct catena_header}. */
    public static final class Header {
        public static final int BYTES = 48;
        public static final int MAGIC = 0;
        public static final int ABI_VERSION = 4;
        public static final int BASE = 8;
        public static final int SIZE = 16;
        public static final int FILES = 24;
        public static final int RINGS = 28;
        public static final int CHAINS = 32;
        public static final int ACCOUNTS = 36;
        public static final int DATA = 40;

        private Header() {}
    }

    /** {@code struct catena_file}. */
    public static final class File {
        public static final int BYTES = 8;
        public static final int FD = 0;
        public static final int IN_USE = 4;

        private File() {}
    }

    /** {@code struct catena_ring}. */
    public static final class Ring {
        public static final int BYTES = 256;
        public static final int SQ_HEAD = 0;
        public static final int SQ_TAIL = 4;
        public static final int CQ_HEAD = 8;
        public static final int CQ_TAIL = 12;
        public static final int SQES = 16;
        public static final int CQES = 20;
        public static final int SQ_MASK = 24;
        public static final int CQ_MASK = 28;
        public static final int RESIDENT = 32;
        public static final int REGISTERED = 36;
        public static final int STEERING = 40;
        public static final int WAITING = 44;
        public static final int BELL = 48;
        public static final int COMPLETIONS = 128;
        public static final int ISSUED = 136;
        public static final int NANOS = 144;
        public static final int DOORBELLS = 152;
        public static final int WAKES = 160;
        public static final int NOW = 168;
        public static final int MISSED = 176;
        public static final int STARVED = 180;

        private Ring() {}
    }

    /** {@code struct catena_step}. */
    public static final class Step {
        public static final int BYTES = 128;
        public static final int OPCODE = 0;
        public static final int ON_SHORT = 1;
        public static final int ON_ERROR = 2;
        public static final int RETRIES = 3;
        public static final int DATA = 4;
        public static final int JOIN = 6;
        public static final int NEXT = 8;
        public static final int FANOUT = 12;
        public static final int FAULTS = 14;
        public static final int JUMP = 16;
        public static final int FILE = 20;
        public static final int BUFFER = 24;
        public static final int LENGTH = 28;
        public static final int OFFSET = 32;
        public static final int RW_FLAGS = 40;
        public static final int STRIDE = 42;
        public static final int VALUE = 44;
        public static final int OFFSET_AT = 48;
        public static final int LENGTH_AT = 52;
        public static final int SEED = 56;
        public static final int STATE = 64;
        public static final int ARRIVED = 68;
        public static final int DONE = 72;
        public static final int ATTEMPT = 76;
        public static final int HANDLED = 80;
        public static final int RESULT = 84;
        public static final int RETRIED = 88;
        public static final int FAULTED = 90;
        public static final int INDEX = 92;
        public static final int HASH = 96;
        public static final int POSITION = 104;
        public static final int ISSUED_AT = 112;
        public static final int DEFERRED = 120;
        public static final int FAULT = 124;

        private Step() {}
    }

    /** {@code struct catena_chain}. */
    public static final class Chain {
        public static final int BYTES = 256;
        public static final int STEPS = 0;
        public static final int CAPACITY = 4;
        public static final int PUBLISHED = 8;
        public static final int SEALED = 12;
        public static final int WINDOW = 16;
        public static final int RING = 20;
        public static final int AWAITED = 24;
        public static final int ACCOUNT = 28;
        public static final int FLAGS = 32;
        public static final int STARTED_AT = 40;
        public static final int STATE = 64;
        public static final int DRY = 68;
        public static final int RESULT = 72;
        public static final int FAILED_STEP = 76;
        public static final int STARVED = 80;
        public static final int DEFERRED = 84;
        public static final int WAKES = 88;
        public static final int IN_FLIGHT = 128;
        public static final int SCANNED = 132;
        public static final int BUDGET = 136;
        public static final int FENCE = 140;
        public static final int SUM = 144;
        public static final int BYTES_MOVED = 152;
        public static final int COMPLETED = 160;
        public static final int COMPLETIONS = 164;
        public static final int SHORT_IOS = 168;
        public static final int RETRIES = 172;
        public static final int ISSUED_BY_PROGRAM = 176;
        public static final int ISSUED_BY_USER = 180;

        private Chain() {}
    }

    /** {@code struct catena_account}. */
    public static final class Account {
        public static final int BYTES = 768;
        public static final int KIND = 0;
        public static final int IN_USE = 24;
        public static final int LANE = 28;
        public static final int RING = 32;
        public static final int RESIDENT = 36;
        public static final int CHAINS = 128;
        public static final int FAILED = 136;
        public static final int STEPS = 144;
        public static final int COMPLETIONS = 152;
        public static final int ISSUED_BY_PROGRAM = 160;
        public static final int ISSUED_BY_USER = 168;
        public static final int BYTES_MOVED = 176;
        public static final int RETRIES = 184;
        public static final int SHORT_IOS = 192;
        public static final int DROPS = 200;
        public static final int MISMATCHES = 208;
        public static final int NANOS = 216;
        public static final int REQUEST_LATENCY = 224;
        public static final int CHAIN_LATENCY = 480;

        private Account() {}
    }

    /** user_data of a request, see the header. */
    public static long userData(int kind, int ring, int chain, int slot, int attempt) {
        return TAG << 48
                | (long) kind << 44
                | (long) ring << 36
                | (long) chain << 24
                | (slot & 0xfffL) << 12
                | (attempt & 0xfffL);
    }

    public static boolean isTagged(long userData) {
        return userData >>> 48 == TAG;
    }

    public static int kind(long userData) {
        return (int) (userData >>> 44) & 0xf;
    }

    public static int chain(long userData) {
        return (int) (userData >>> 24) & 0xfff;
    }

    /** Slot of the step in its chain's array. */
    public static int slot(long userData) {
        return (int) (userData >>> 12) & 0xfff;
    }

    public static int attempt(long userData) {
        return (int) userData & 0xfff;
    }

    /** Whether the step's attempt of this request, or a later one, was {@code handled}. */
    public static boolean isHandled(int handled, long userData) {
        return (handled - (int) userData) << 20 >= 0;
    }

    /** The bucket of a latency histogram that a time belongs to. */
    public static int bucket(long nanos) {
        return nanos <= 1 ? 0 : Math.min(63 - Long.numberOfLeadingZeros(nanos), LATENCY_BUCKETS - 1);
    }
}
