import assert from 'node:assert/strict'
import { test } from 'node:test'
import { show } from '../../src/ground/errors.ts'
import { asError, describe, isAbortError, promised, tell } from '../../src/ground/foreign.ts'
import { exitError, formatReason } from '../../src/supervision/exit-reason.ts'

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const thrower = (): never => {
  throw new Error('thrower')
}

const unreadable = (of: object, ...names: readonly string[]): object => {
  for (const name of names) Object.defineProperty(of, name, { get: thrower, enumerable: true })
  return of
}

const withThen = (then: unknown): object => ({ then })

/** Values that can be thrown, given or handed over, and are hard to look at. */
const STRANGE: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a bigint': 7n,
  'a symbol': Symbol('strange'),
  'a long string': 'x'.repeat(10_000),
  'lines of text': 'a\nb\r\nc',
  'an object without a prototype': Object.create(null),
  'an object whose toString throws': { toString: thrower },
  'an object whose constructor cannot be read': unreadable({}, 'constructor'),
  'an object whose constructor has no name': { constructor: { name: 7 } },
  'a key of many characters': { ['k'.repeat(10_000)]: 1 },
  'a revoked proxy': revoked({}),
  'a revoked proxy of a function': revoked(() => {}),
  'a revoked proxy of an array': revoked([]),
  'a revoked proxy of an error': revoked(new Error('x')),
  'a proxy whose every trap throws': new Proxy({}, new Proxy({}, { get: () => thrower })),
  'a function without a name': (() => () => {})(),
  'a function whose name is none': Object.defineProperty(() => {}, 'name', { value: 7 }),
  'a function whose name cannot be read': Object.defineProperty(() => {}, 'name', { get: thrower }),
  'a function with lines in its name': Object.defineProperty(() => {}, 'name', { value: 'a\nb' }),
  'an error that cannot be read': unreadable(new Error('x'), 'stack', 'message', 'cause', 'name'),
  'an error whose message is none': Object.assign(new Error('x'), { message: Symbol('x') }),
  'an error whose name and message throw': unreadable(new Error('x'), 'name', 'message'),
  'an error with a code that throws': unreadable(new Error('x'), 'code'),
  'a thenable whose then throws': unreadable({}, 'then'),
  'a proxy of a promise': new Proxy(Promise.resolve(), {}),
  'a circle': (() => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    return circle
  })(),
}

for (const [what, value] of Object.entries(STRANGE)) {
  test(`${what} is shown, described and made an error without a throw, on one short line`, async () => {
    const shown = show(value)
    assert.ok(shown.length < 400 && !/[\r\n]/.test(shown), shown)
    assert.equal(typeof describe(value), 'string')
    assert.equal(typeof formatReason({ error: value }), 'string')
    assert.equal(typeof formatReason({ shutdown: value }), 'string')
    assert.ok(exitError('a path', { error: value }) instanceof Error)
    assert.equal(isAbortError(value), false)
    const error = asError(value)
    for (const name of ['name', 'message', 'stack', 'cause', 'code', 'statusCode']) Reflect.get(error, name)
    await promised(value)?.catch(() => {})
    tell(
      () => thrower(),
      () => {},
    )
  })
}

test('a promise of any kind is taken as it comes, and what it gives or rejects with arrives', async () => {
  class Own<T> extends Promise<T> {}
  const proxied = promised(new Proxy(Promise.resolve(1), {}))
  await assert.rejects(proxied as Promise<unknown>, TypeError)
  assert.equal(await promised(Own.resolve(2)), 2)
  assert.equal(await promised(withThen((resolve: (value: number) => void) => resolve(3))), 3)
  await assert.rejects(promised(Promise.reject(new Error('no'))) as Promise<unknown>, /no/)
  const own = Promise.resolve(4)
  assert.equal(promised(own), own)
  for (const none of [undefined, null, 1, 'x', {}, withThen(1), () => {}])
    assert.equal(promised(none), undefined)
})
