import { after } from './clock.ts'
import { ChannelError, JOIN, PASSING, reasonOf } from './error.ts'
import { type Kind, type Listeners, PRESENCE, STATE, tell } from './listeners.ts'
import { isObject, payloadOf, whole } from './payload.ts'
import type { PhoenixChannel, PhoenixReply, PhoenixSocket } from './phoenix.ts'
import { isEntry, placeAt, placeBehind, RESUME, type Said } from './position.ts'
import { followPresence, NOBODY } from './presence.ts'
import { pushesOf } from './pushes.ts'
import type { Line } from './socket.ts'
import type { ChannelChange, ChannelState, Position } from './types.ts'

/** The client, as its topics see it. */
export interface Link {
  readonly timeoutMs: number
  readonly socket: PhoenixSocket
  /** Why there is no connection, where that is known. */
  cause?: unknown
  /** Where the client has made the socket. */
  readonly line: Line | undefined
  /** Nobody uses a topic any more. */
  forget(topic: Topic): void
}

/** One topic, however many use it: its channel of phoenix.js, from the first that joins to the last that leaves. */
export interface Topic {
  readonly name: string
  readonly payload: unknown
  readonly users: ReadonlySet<Listeners>
  state: ChannelState
  reply?: unknown
  error?: ChannelError | undefined
  position: Position | undefined
  present: typeof NOBODY
  /** Joins, for whoever listens: one of the channels that `client.channel` gave. */
  enter(user: Listeners): void
  /** The last one out leaves in a later turn: who comes back until then has never been away. */
  exit(user: Listeners): void
  push(event: string, payload: unknown): Promise<unknown>
  /** It is not joined, and is asked for where there is a connection. */
  lost(): void
  /** Ends it here and there. */
  end(error?: ChannelError): void
}

export function topicOf(link: Link, name: string, payload: unknown, position: Position | undefined): Topic {
  const users = new Set<Listeners>()
  const pushes = pushesOf(name, link)
  let channel: PhoenixChannel | undefined

  const topic: Topic = {
    name,
    payload,
    users,
    position,
    state: 'closed',
    present: NOBODY,
    enter(user) {
      users.add(user)
      if (!channel) open()
    },
    exit(user) {
      users.delete(user)
      after(0, () => {
        if (users.size > 0) return
        topic.end()
        link.forget(topic)
      })
    },
    push: pushes.push,
    lost() {
      pushes.interrupt()
      const state = link.socket.isConnected() ? 'joining' : 'offline'
      if (channel && state !== topic.state) change(state, {})
    },
    end(error) {
      const ended = channel
      close(error)
      // That stops its attempts to join again. It may join once: the next attempt is another channel.
      ended?.leave()
    },
  }
  return topic

  function open(): void {
    if (link.line) link.line.begin()
    else link.socket.connect()
    const opened = link.socket.channel(name, claim)
    channel = opened
    const mine =
      <A extends unknown[]>(listener: (...args: A) => void) =>
      (...args: A): void => {
        if (channel === opened) listener(...args)
      }
    opened.onMessage = (event, payload, ref) => {
      if (channel === opened) hear(event, payload, ref)
      return payload
    }
    followPresence(
      opened,
      mine((now, change) => {
        topic.present = now
        if (change) tellAll(PRESENCE, change)
      }),
    )
    // Behind the listeners of phoenix.js, whose state is then the new one.
    opened
      .join(link.timeoutMs)
      .receive('ok', mine(joined))
      .receive('error', mine(refused))
      .receive('timeout', mine(topic.lost))
    opened.onError(mine(topic.lost))
    opened.onClose(mine((payload) => close(new ChannelError(name, 'phx_close', 'closed', payload))))
    change('joining', {})
  }

  function claim(): object {
    const sent = payloadOf(payload)
    return isObject(sent) ? { ...sent, [RESUME]: topic.position ?? true } : sent
  }

  /** Everything that comes, before phoenix.js acts upon it. */
  function hear(event: string, payload: unknown, ref: unknown): void {
    const state = channel?.state
    if (event === 'phx_reply') {
      const waitMs = Object((payload as PhoenixReply).response).retry_after_ms
      // Before phoenix.js plans its next attempt.
      if (link.line && state === 'joining' && typeof waitMs === 'number') link.line.retryMs = waitMs
    } else if (state === 'joined' && !/^(phx_|chan_reply_)/.test(event)) {
      // Before a reply, what comes belongs to a join that was given up: with it the place would move over a gap.
      if (event === RESUME) topic.position = placeAt(payload as Said, topic.position)
      else {
        if (isEntry(ref)) {
          const place = placeBehind(ref, topic.position)
          if (!place) return
          topic.position = place
        }
        tellAll(event, whole(payload))
      }
    }
  }

  function joined(response: unknown): void {
    const { [RESUME]: said, ...rest } = Object(response)
    const place = said && placeAt(said, topic.position)
    topic.position = place ?? topic.position
    topic.reply = place ? rest : whole(response)
    topic.error = undefined
    change('joined', {
      recovered: said?.recovered === true,
      missed: place ? said.offset - place.offset : 0,
      reply: topic.reply,
    })
    if (channel) pushes.open(channel)
  }

  function refused(response: unknown): void {
    const { reason, retry_after_ms } = Object(response)
    const isRetried = PASSING.has(reason) || typeof retry_after_ms === 'number'
    const error = new ChannelError(name, JOIN, reasonOf('error', response), response, isRetried)
    if (!isRetried) return topic.end(error)
    topic.error = error
    change('joining', { error })
  }

  function close(error: ChannelError | undefined): void {
    channel = undefined
    topic.error = error
    topic.present = NOBODY
    pushes.interrupt(true)
    if (topic.state !== 'closed') change('closed', { error })
  }

  function change(...change: ChannelChange): void {
    topic.state = change[0]
    tellAll(STATE, ...change)
  }

  function tellAll(kind: Kind, ...args: readonly unknown[]): void {
    for (const user of [...users]) tell(user, kind, ...args)
  }
}
