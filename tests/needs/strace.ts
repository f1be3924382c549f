/** `strace`, which lists the files that a process opens. */
export const STRACE = "strace";
