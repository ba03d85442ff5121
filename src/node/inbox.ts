import type { Telemetry } from '../ground/telemetry.ts'
import type { NodeInbox } from '../pubsub/pubsub.ts'
import type { Sessions } from '../session/sessions.ts'

/** The way in for what other nodes, or this one, want of this node's connections: checked where it was sent. */
export class ConnectionsInbox implements NodeInbox {
  readonly #sessions: () => Sessions | undefined
  readonly #telemetry: Telemetry
  readonly group: NodeInbox['group']

  /** @param sessions those of now: they are made anew with each restart */
  constructor(sessions: () => Sessions | undefined, telemetry: Telemetry, group: NodeInbox['group']) {
    this.#sessions = sessions
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

  disconnect(connectionTopic: string): void {
    this.#sessions()?.disconnect(connectionTopic)
  }
}
