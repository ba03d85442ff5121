// Plays rounds against a library that was made worse in one way at a time, and prints what the judge says of each. Run by
// the tests: a judge that cannot convict proves nothing.
import { ChannelProcess } from '../../src/channel/process.ts'
import { PubSub } from '../../src/pubsub/pubsub.ts'
import { Session } from '../../src/session/session.ts'
import { run } from './run.ts'

type Method = (...args: never[]) => unknown

/** Puts another method in the place of one, and gives back how to undo it. */
function replace<T extends object>(target: T, name: keyof T, make: (original: Method) => Method): () => void {
  const original = target[name] as Method
  Object.assign(target, { [name]: make(original) })
  return () => void Object.assign(target, { [name]: original })
}

/** Leaves out the call of this number, counted from the first that counts. */
function leaveOut(
  at: number,
  counts: (...args: never[]) => boolean = () => true,
): (original: Method) => Method {
  let calls = 0
  return (original) =>
    function (this: unknown, ...args) {
      return counts(...args) && ++calls === at ? undefined : original.apply(this, args)
    }
}

const isSaid = (...[, event]: never[]): boolean => event === 'said'

const isSaying = (...args: unknown[]): boolean => (args[0] as { event?: unknown }).event === 'say'

const SABOTAGES: Readonly<Record<string, () => () => void>> = {
  none: () => () => {},
  'one broadcast is lost': () => replace(PubSub.prototype, 'broadcast', leaveOut(9, isSaid)),
  'one broadcast comes twice': () => {
    let calls = 0
    return replace(
      PubSub.prototype,
      'localBroadcast',
      (original) =>
        function (this: unknown, ...args) {
          if (isSaid(...args) && ++calls === 9) original.apply(this, args)
          return original.apply(this, args)
        },
    )
  },
  'one subscriber is leaked': () => replace(PubSub.prototype, 'unsubscribe', leaveOut(5)),
  'one push is not answered': () => replace(ChannelProcess.prototype, 'receive', leaveOut(9, isSaying)),
  'one connection is closed with the wrong code': () => {
    let calls = 0
    return replace(
      Session.prototype,
      'receive',
      (original) =>
        function (this: unknown, ...args) {
          if (++calls === 40) (this as Session).close(1011, '', { kind: 'closed', code: 1011 })
          return original.apply(this, args)
        },
    )
  },
  'a promise is left to itself': () => {
    void Promise.reject(new Error('nobody waits for this'))
    return () => {}
  },
  'a frame is thrown at': () =>
    replace(
      Session.prototype,
      'receive',
      (original) =>
        function (this: unknown, ...args) {
          original.apply(this, args)
          throw new Error('out of receive')
        },
    ),
}

const convicted: Record<string, readonly string[]> = {}
for (const [name, spoil] of Object.entries(SABOTAGES)) {
  const restore = spoil()
  const { findings } = await run({
    mode: 'simulated',
    seed: 1,
    round: 0,
    count: 0,
    spanMs: 0,
    moves: harmless(),
  })
  restore()
  convicted[name] = findings
}
process.stdout.write(JSON.stringify(convicted))
process.exit()

/** Clients that join and do nothing bad. */
function harmless() {
  return Array.from({ length: 4 }, (_, seed) => ({ kind: 'connect and join', seed, afterMs: 2_000 }))
}
