import type { CompiledChannel } from '../channel/definition.ts'
import { publishId, publishLogged, required, sendLogged } from '../channel/logged.ts'
import { checkInfo, checkOut } from '../channel/outgoing.ts'
import type { Routers } from '../channel/routers.ts'
import { checkName } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'
import type { Histories } from '../history/histories.ts'
import { readPast, type TopicHistory } from '../history/past.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import type { ChannelTarget } from '../pubsub/target.ts'

/** The calls that send. */
export type SendCall = 'broadcast' | 'push' | 'disconnect' | 'info' | 'leave'

/**
 * Gives the pubsub of now, which is made anew with each restart; nothing in a restart, and then counts what is dropped.
 *
 * @throws `BERYL_ERR_NOT_RUNNING` before the tree was started, and after its end
 */
export type OpenPubSub = (call: SendCall, topic: string) => PubSub | undefined

/**
 * The way out for what the server itself sends: checked here, at the caller, against the contract of the topic's channel.
 */
export class Outbound {
  readonly #routers: Routers
  readonly #open: OpenPubSub
  readonly #histories: () => Histories | undefined

  constructor(routers: Routers, open: OpenPubSub, histories: () => Histories | undefined) {
    this.#routers = routers
    this.#open = open
    this.#histories = histories
  }

  broadcast(topic: string, event: string, payload: unknown, exceptConnection?: string): void {
    const logging = this.#check(topic, event, payload).find(({ history }) => history?.events.has(event))
    const pubsub = this.#open('broadcast', topic)
    if (logging === undefined) pubsub?.broadcast(topic, event, payload, exceptConnection)
    else if (pubsub !== undefined)
      sendLogged(this.#histories(), logging, { topic, event, payload, except: exceptConnection })
  }

  async publish(topic: string, event: string, payload: unknown, options: unknown): Promise<LogPosition> {
    const channels = this.#check(topic, event, payload)
    const id = publishId('channels.publish', options)
    const logging = channels.find(({ history }) => history?.events.has(event)) ?? channels[0]
    const logged = { topic, event, payload, id }
    return publishLogged(this.#openHistories(topic), logging as CompiledChannel, logged)
  }

  async history(topic: string, options: unknown): Promise<TopicHistory> {
    const { histories, declared } = required(this.#openHistories(topic), this.#channels(topic), topic)
    return readPast(histories, { topic, declared }, options)
  }

  async forgetHistory(topic: string): Promise<void> {
    return required(this.#openHistories(topic), this.#channels(topic), topic).histories.forget(topic)
  }

  /** None in a restart. @throws `BERYL_ERR_NOT_RUNNING` */
  #openHistories(topic: string): Histories | undefined {
    return this.#open('broadcast', topic) && this.#histories()
  }

  localBroadcast(topic: string, event: string, payload: unknown): void {
    this.#check(topic, event, payload)
    this.#open('broadcast', topic)?.localBroadcast(topic, event, payload)
  }

  push(connectionId: string, topic: string, event: string, payload: unknown): void {
    this.#check(topic, event, payload)
    this.#open('push', topic)?.push(nodeOf(connectionId), connectionId, topic, event, payload)
  }

  info(target: ChannelTarget, event: string, payload: unknown): void {
    checkInfo(this.#channels(target.topic), event, payload)
    this.#open('info', target.topic)?.inform(target, event, payload, nodeOfTarget(target))
  }

  dismiss(target: ChannelTarget, reason: string | undefined): void {
    this.#channels(target.topic)
    this.#open('leave', target.topic)?.dismiss(target, reason, nodeOfTarget(target))
  }

  /**
   * Of the channels that several entrances have for a topic, one at least declares the event, and the payload fits all that do.
   *
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
   */
  #check(topic: string, event: string, payload: unknown): readonly CompiledChannel[] {
    const channels = this.#channels(topic)
    const declaring = channels.filter(({ out }) => out.has(event))
    for (const channel of declaring.length === 0 ? channels : declaring) checkOut(channel, event, payload)
    return channels
  }

  /** @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED` */
  #channels(topic: string): readonly CompiledChannel[] {
    checkName('broadcast or push', 'topic', topic)
    const channels = this.#routers.match(topic)
    if (channels.length === 0) throw berylError('BERYL_ERR_TOPIC_UNMATCHED', show(topic))
    return channels
  }
}

/** The node on which a connection lives is part of its id. */
function nodeOf(connectionId: string): string {
  const [node = ''] = connectionId.split('.', 1)
  return node
}

function nodeOfTarget({ connectionId }: ChannelTarget): string | undefined {
  return connectionId === undefined ? undefined : nodeOf(connectionId)
}
