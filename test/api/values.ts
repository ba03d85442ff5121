/** Values that no type checker has seen: one of each kind that JavaScript has. */
export const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'the number 0': () => 0,
  NaN: () => Number.NaN,
  '-1': () => -1,
  Infinity: () => Number.POSITIVE_INFINITY,
  true: () => true,
  'the empty string': () => '',
  'a string of 10,000': () => 'x'.repeat(10_000),
  'a lone surrogate': () => '\ud800',
  'a symbol': () => Symbol('s'),
  'a function': () => () => undefined,
  'an array': () => [],
  'an object': () => ({}),
  'an object without a prototype': () => Object.create(null),
  'a proxy': () => new Proxy({}, {}),
  'a proxy that throws': () =>
    new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
  'a revoked proxy': revoked,
  'a date': () => new Date(0),
  'a bigint': () => 10n,
  'a promise': () => Promise.resolve(),
  'an error': () => new Error('given'),
  'getters that throw': unreadable,
  'a toString that throws': () => ({ toString: thrower, toJSON: thrower, [Symbol.toPrimitive]: thrower }),
}

function thrower(): never {
  throw new Error('boom')
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Every name that some function looks for is a getter that throws. */
function unreadable(): unknown {
  const names = [
    'then',
    'schema',
    'join',
    'path',
    'channels',
    'children',
    'id',
    'start',
    'owner',
    'limit',
    'maxBytes',
    'copies',
    'topic',
    'shutdown',
    'error',
    'name',
    'args',
    'child',
    'a',
  ]
  const descriptors = names.map((name) => [name, { get: thrower, enumerable: true }])
  return Object.defineProperties({}, Object.fromEntries(descriptors))
}
