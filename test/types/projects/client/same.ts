/** Compiles only where the two types are the same. */
export function same<A, B>(_isSame: [A] extends [B] ? ([B] extends [A] ? true : false) : false): void {}
