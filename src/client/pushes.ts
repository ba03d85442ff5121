import { after } from './clock.ts'
import { ChannelError, reasonOf } from './error.ts'
import type { PhoenixChannel, PhoenixPush } from './phoenix.ts'

interface Push {
  /** That of phoenix.js, when it was sent. */
  ref?: string
  send(channel: PhoenixChannel): void
  /** Once. Without a reason it is answered. */
  end(reason?: string, response?: unknown): void
}

interface Connection {
  readonly timeoutMs: number
  readonly isConnected: boolean
}

/** The pushes of a topic: each is sent once at the most, and each ends. */
export interface Pushes {
  push(event: string, payload: unknown): Promise<unknown>
  /** It is joined: what waited is sent, in order. */
  open(channel: PhoenixChannel): void
  answered(ref: unknown, status: string, response: unknown): void
  /** It is not joined any more: what was sent is not answered. What waits is told, where nobody will join. */
  interrupt(isOver?: boolean): void
}

/** Pushes that may wait for a join. */
const MAX_WAITING = 100

export function pushesOf(topic: string, link: Connection): Pushes {
  const { timeoutMs } = link
  const pushes = new Set<Push>()
  /** While it is joined. */
  let joined: PhoenixChannel | undefined

  return {
    push: (event, payload) =>
      new Promise((resolve, reject) => {
        let stop = (): void => {}
        const push: Push = {
          send(channel) {
            stop()
            const sent = channel.push(event, payloadOf(payload), timeoutMs)
            push.ref = (sent as PhoenixPush & { readonly ref: string }).ref
            sent.receive('timeout', () => push.end('timeout'))
          },
          end(reason, response) {
            stop()
            pushes.delete(push)
            if (reason === undefined) resolve(response)
            else reject(new ChannelError(topic, event, reason, response))
          },
        }
        // phoenix.js would keep what it cannot send, and send it after the next join.
        const channel = link.isConnected && joined?.state === 'joined' ? joined : undefined
        if (!channel && pushes.size >= MAX_WAITING) return push.end('overloaded')
        pushes.add(push)
        if (channel) push.send(channel)
        else stop = after(timeoutMs, () => push.end('offline'))
      }),
    open(channel) {
      joined = channel
      for (const push of pushes) if (!push.ref) push.send(channel)
    },
    answered(ref, status, response) {
      for (const push of pushes)
        if (push.ref === ref)
          return push.end(status === 'ok' ? undefined : reasonOf(status, response), response)
    },
    interrupt(isOver) {
      joined = undefined
      for (const { ref, end } of pushes)
        if (ref) end('interrupted')
        else if (isOver) end('closed')
    },
  }
}

/** phoenix.js carries an `ArrayBuffer` as bytes, and nothing for `undefined`. */
export function payloadOf(payload: unknown): object {
  return (
    kindOf(payload) === 'Uint8Array' ? new Uint8Array(payload as Uint8Array).buffer : (payload ?? {})
  ) as object
}

/** `Object`, `Uint8Array`, …; also of another realm, as a frame of a page is. */
export function kindOf(value: unknown): string {
  return {}.toString.call(value).slice(8, -1)
}
