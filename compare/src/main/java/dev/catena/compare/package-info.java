/**
 * The {@code catena} command: a comparison with RocksDB, a doctor, and a look into a store.
 *
 * <p>{@link dev.catena.compare.Main} is the entry; {@code CompareCommand}, {@code DoctorCommand} and {@code DbCommand} read the
 * options of one sub-command each.
 *
 * <p>The comparison, from the outside in: {@code Comparison} decides the order of runs and the stores that they begin with;
 * {@code ChildJvm} starts a JVM for each, hands it a {@code RunOrder} and counts it with {@code SyscallCounter} while it measures;
 * {@code ChildMain} is that JVM: it opens the {@code Engine}, warms up, and runs a {@link dev.catena.bench.Workload}. Parent and child
 * speak in single lines and bytes, and progress goes through a mapped file, so that nothing of the comparison itself shows in what is
 * counted.
 *
 * <p>What comes back becomes {@code RunRecord}s, a {@code Summary} (medians, ratios), a {@code ResultTable} and an {@code HtmlReport}.
 * {@code Descriptions} holds the words around the figures: what was set alike and what is not alike. docs/BENCHMARKS.md says it at length.
 */
@NullMarked
package dev.catena.compare;

import org.jspecify.annotations.NullMarked;
