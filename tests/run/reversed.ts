/** Runs the tests of each file, and the suites among them, in reverse order. A test fails if it needs one before it, or one behind it spoils it. */
import { type RunnerTask, type RunnerTestFile, TestRunner } from "vitest";

function reverse(tasks: RunnerTask[]): void {
  tasks.reverse();
  for (const task of tasks) if (task.type === "suite") reverse(task.tasks);
}

export default class Reversed extends TestRunner {
  onCollected(files: RunnerTestFile[]): void {
    for (const { tasks } of files) reverse(tasks);
  }
}
