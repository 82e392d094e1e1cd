/**
 * Ends a test run with one plain line, "N passed, N failed, N skipped", for machines that read logs.
 */
import type { Reporter, TestModule } from 'vitest/node';

/** A reporter beside vitest's own. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === 'pending' ? 'failed' : state]++;
      }
      // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
      const broken = [
        ...module.errors(),
        ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
      ];
      counts.failed += broken.length;
    }
    counts.failed += errors.length;
    // After vitest's own summary, which is written in the same turn.
    process.on('exit', () =>
      console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`),
    );
  }
}
