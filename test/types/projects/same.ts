type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles where two types are the same, not only assignable to each other. */
export function expectSame<A, B>(..._: Same<A, B> extends true ? [] : [never]): void {}
