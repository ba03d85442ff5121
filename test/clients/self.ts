// phoenix.js before 1.8 looks for its globals in `self`, which Node does not have, when it is imported.
Reflect.set(globalThis, 'self', globalThis)
