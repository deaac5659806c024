package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.ChainLayout.Account;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a lane did so far in chains of one kind: counters that whoever steers keeps in the shared memory, and that only
 * grow. Lanes that were closed are counted under their number, which the next lane may share.
 *
 * @param kind what the chains are for, as given to {@link Lane#chain(int, String)}
 * @param lane number of the lane
 * @param ring number of the ring that ran its last chain
 * @param placement where its chains run
 * @param chains that ended; {@code failed} of them with an error
 * @param steps done
 * @param completions of requests
 * @param issuedByProgram requests that the steering program issued, in the kernel
 * @param issuedByUser requests that Java issued
 * @param bytes read and written
 * @param retries requests issued again after an error
 * @param shortIos requests that moved fewer bytes than asked for
 * @param drops steps never issued, because their chain failed before their turn
 * @param mismatches checksums other than expected
 * @param programNanos time that the program spent on its steps, in nanoseconds
 * @param requestLatency count of requests by time from issue to completion: element i, of 2^i to 2^(i+1) nanoseconds
 * @param chainLatency count of chains by time from start to end, likewise
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares accounts
public record ChainAccount(
        String kind,
        int lane,
        int ring,
        Placement placement,
        long chains,
        long failed,
        long steps,
        long completions,
        long issuedByProgram,
        long issuedByUser,
        long bytes,
        long retries,
        long shortIos,
        long drops,
        long mismatches,
        long programNanos,
        long[] requestLatency,
        long[] chainLatency) {

    /** The accounts in use of an account table. */
    static List<ChainAccount> readAll(MemorySegment table) {
        List<ChainAccount> accounts = new ArrayList<>();
        for (int number = 0; number < ChainLayout.MAX_ACCOUNTS; number++) {
            MemorySegment account = table.asSlice((long) number * Account.BYTES, Account.BYTES);
            if (account.get(ValueLayout.JAVA_INT, Account.IN_USE) == 0) {
                break;
            }
            accounts.add(read(account));
        }
        return accounts;
    }

    private static ChainAccount read(MemorySegment account) {
        byte[] name = account.asSlice(Account.KIND, Account.IN_USE).toArray(ValueLayout.JAVA_BYTE);
        int length = 0;
        while (length < name.length && name[length] != 0) {
            length++;
        }
        long[] counters = account.asSlice(Account.CHAINS, Account.REQUEST_LATENCY - Account.CHAINS)
                .toArray(ValueLayout.JAVA_LONG);
        return new ChainAccount(
                new String(name, 0, length, StandardCharsets.UTF_8),
                account.get(ValueLayout.JAVA_INT, Account.LANE),
                account.get(ValueLayout.JAVA_INT, Account.RING),
                account.get(ValueLayout.JAVA_INT, Account.RESIDENT) != 0 ? Placement.RESIDENT : Placement.IN_CONTEXT,
                counters[0],
                counters[1],
                counters[2],
                counters[3],
                counters[4],
                counters[5],
                counters[6],
                counters[7],
                counters[8],
                counters[9],
                counters[10],
                counters[11],
                histogram(account, Account.REQUEST_LATENCY),
                histogram(account, Account.CHAIN_LATENCY));
    }

    private static long[] histogram(MemorySegment account, int offset) {
        return account.asSlice(offset, Account.CHAIN_LATENCY - Account.REQUEST_LATENCY)
                .toArray(ValueLayout.JAVA_LONG);
    }

    /** The time in nanoseconds below which {@code share} (0 to 1) of a histogram's counts lie: the end of a bucket; 0 without counts. */
    public static long quantile(long[] histogram, double share) {
        long wanted = (long) Math.ceil(Arrays.stream(histogram).sum() * share);
        long seen = 0;
        for (int i = 0; i < histogram.length && wanted > 0; i++) {
            seen += histogram[i];
            if (seen >= wanted) {
                return 2L << i;
            }
        }
        return 0;
    }
}
