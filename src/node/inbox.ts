import { checkInfo } from '../channel/outgoing.ts'
import type { Routers } from '../channel/routers.ts'
import type { Telemetry } from '../ground/telemetry.ts'
import type { NodeInbox } from '../pubsub/arrivals.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import type { ChannelTarget } from '../pubsub/target.ts'
import type { Sessions } from '../session/sessions.ts'

/**
 * The way in for what other nodes, or this one, want of this node's connections: checked where it was sent. Infos, which run
 * handlers, here too.
 */
export class ConnectionsInbox implements NodeInbox {
  readonly #sessions: () => Sessions | undefined
  readonly #routers: Routers
  readonly #telemetry: Telemetry
  readonly group: NodeInbox['group']

  /** @param sessions those of now: they are made anew with each restart */
  constructor(
    sessions: () => Sessions | undefined,
    routers: Routers,
    telemetry: Telemetry,
    group: NodeInbox['group'],
  ) {
    this.#sessions = sessions
    this.#routers = routers
    this.#telemetry = telemetry
    this.group = group
  }

  push(connectionId: string, topic: string, event: string, payload: unknown): void {
    try {
      this.#sessions()?.get(connectionId)?.channel(topic)?.relay(event, payload)
    } catch (error) {
      this.#telemetry.emit('listener.failed', {}, { topic, error })
    }
  }

  checkInfo(info: Broadcast): void {
    checkInfo(this.#routers.match(info.topic), info.event, info.onWire())
  }

  inform(info: Broadcast, target: ChannelTarget): void {
    this.#sessions()?.inform(info, target)
  }

  dismiss(target: ChannelTarget, reason: string | undefined): void {
    this.#sessions()?.dismiss(target, reason)
  }

  disconnect(connectionTopic: string): void {
    this.#sessions()?.disconnect(connectionTopic)
  }
}
