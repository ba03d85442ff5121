import { after } from './clock.ts'
import { ChannelError, reasonOf } from './error.ts'
import { payloadOf, whole } from './payload.ts'
import type { PhoenixChannel, PhoenixPush, PhoenixReply, PhoenixSocket } from './phoenix.ts'

interface Push {
  isSent: boolean
  send(channel: PhoenixChannel): void
  /** Once. As it was answered, or why it was not. */
  end(status: string, response?: unknown): void
}

type SentPush = PhoenixPush & { readonly ref: string }

/** The pushes of a topic: each is sent once at the most, and each ends. */
export interface Pushes {
  push(event: string, payload: unknown): Promise<unknown>
  /** It is joined: what waited is sent, in order. */
  open(channel: PhoenixChannel): void
  /** It is not joined any more: what was sent is not answered. What waits is told, where nobody will join. */
  interrupt(isOver?: boolean): void
}

/** Pushes that may wait for a join. */
const MAX_WAITING = 100

interface Connection {
  readonly timeoutMs: number
  readonly socket: PhoenixSocket
  /** Why there is none. */
  readonly cause?: unknown
}

export function pushesOf(topic: string, connection: Connection): Pushes {
  const { timeoutMs, socket } = connection
  const pushes = new Set<Push>()
  /** While it is joined. */
  let joined: PhoenixChannel | undefined

  return {
    push: (event, payload) =>
      new Promise((resolve, reject) => {
        let stop = (): void => {}
        const push: Push = {
          isSent: false,
          send(channel) {
            stop()
            push.isSent = true
            const sent = channel.push(event, payloadOf(payload), timeoutMs)
            sent.receive('timeout', () => push.end('timeout'))
            // The event that phoenix.js makes of a reply, for itself: a status may be any word.
            channel.on(`chan_reply_${(sent as SentPush).ref}`, (reply) => {
              const { status, response } = reply as PhoenixReply
              push.end(status, whole(response))
            })
          },
          end(status, response) {
            stop()
            pushes.delete(push)
            if (status === 'ok') resolve(response)
            else
              reject(
                new ChannelError(topic, event, reasonOf(status, response), response, false, connection.cause),
              )
          },
        }
        // phoenix.js would keep what it cannot send, and send it after the next join.
        pushes.add(push)
        if (joined?.state === 'joined' && socket.isConnected()) push.send(joined)
        else if (pushes.size > MAX_WAITING) push.end('overloaded')
        else stop = after(timeoutMs, () => push.end('offline'))
      }),
    open(channel) {
      joined = channel
      for (const { isSent, send } of pushes) if (!isSent) send(channel)
    },
    interrupt(isOver) {
      joined = undefined
      for (const { isSent, end } of pushes)
        if (isSent) end('interrupted')
        else if (isOver) end('closed')
    },
  }
}
