package dev.catena.compare.chains;

import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where a pass runs.
 *
 * @param backend its name, or what stands in its place where no chain runs
 * @param placement of its lanes; null where there is no choice
 */
public record Setting(String backend, @Nullable Placement placement) {
    /** The backend that the others are compared with. */
    public static final String REFERENCE = "user";

    private static final String KERNEL = "kernel-";

    /** Every placement of these backends. Only where the kernel steers is there a choice. */
    public static List<Setting> of(List<Availability> backends) {
        List<Setting> settings = new ArrayList<>();
        for (Availability backend : backends) {
            if (!backend.available()) {
                continue;
            }
            if (backend.name().startsWith(KERNEL)) {
                for (Placement placement : Placement.values()) {
                    settings.add(new Setting(backend.name(), placement));
                }
            } else {
                settings.add(new Setting(backend.name(), null));
            }
        }
        return settings;
    }

    /** Whether a program in the kernel steers. */
    public boolean isKernel() {
        return backend.startsWith(KERNEL);
    }

    /** Whether chains run while their caller does something else. */
    public boolean isResident() {
        return placement == Placement.RESIDENT;
    }

    /** The placement's name, such as {@code in-context}; empty without one. */
    public String placementName() {
        return placement == null
                ? ""
                : placement.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    ChainRuntime runtime() {
        return ChainRuntime.acquire(backend);
    }

    Lane lane(ChainRuntime runtime) {
        return runtime.lane(placement == null ? Placement.IN_CONTEXT : placement);
    }

    @Override
    public String toString() {
        return placement == null ? backend : backend + " " + placementName();
    }
}
