import type { CompiledChannel } from '../channel/definition.ts'
import { checkOut } from '../channel/interpret.ts'
import type { Router } from '../channel/router.ts'
import { checkName } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'
import type { PubSub } from '../pubsub/pubsub.ts'

/**
 * The way out for what the server itself sends: checked here, at the caller, against the contract of the topic's channel.
 * While the tree is down there is nobody to send to.
 */
export class Outbound {
  readonly #router: Router
  readonly #pubsub: () => PubSub | undefined

  /** @param pubsub that of now: it is made anew with each restart */
  constructor(router: Router, pubsub: () => PubSub | undefined) {
    this.#router = router
    this.#pubsub = pubsub
  }

  broadcast(topic: string, event: string, payload: unknown, exceptConnection?: string): void {
    checkOut(this.#channel(topic), event, payload)
    this.#pubsub()?.broadcast(topic, event, payload, exceptConnection)
  }

  localBroadcast(topic: string, event: string, payload: unknown): void {
    checkOut(this.#channel(topic), event, payload)
    this.#pubsub()?.localBroadcast(topic, event, payload)
  }

  push(connectionId: string, topic: string, event: string, payload: unknown): void {
    checkOut(this.#channel(topic), event, payload)
    this.#pubsub()?.push(nodeOf(connectionId), connectionId, topic, event, payload)
  }

  /** @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED` */
  #channel(topic: string): CompiledChannel {
    checkName('broadcast or push', 'topic', topic)
    const channel = this.#router.match(topic)
    if (channel === undefined) throw berylError('BERYL_ERR_TOPIC_UNMATCHED', show(topic))
    return channel
  }
}

/** The node on which a connection lives is part of its id. */
function nodeOf(connectionId: string): string {
  return connectionId.split('.', 1)[0] as string
}
