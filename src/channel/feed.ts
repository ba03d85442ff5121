import type { JsonText } from '../protocol/message.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import type { Outlet } from './outlet.ts'

/**
 * A state that one client is told whole and then by its changes, which travel as broadcasts of the channel's topic.
 */
export interface Feed {
  /** The client is told of the channel, and knows nothing of the state: it is to be told now, or at the end of the turn. */
  begin(): void
  /** True where the client is to hear this broadcast. Asked before each; it is no business of the feed's for most. */
  takes(broadcast: Broadcast): boolean
  /** The client, which was far behind, can be told again. */
  caughtUp(): void
}

/** The channel that is fed. */
export interface Fed {
  readonly topic: string
  readonly outlet: Pick<Outlet, 'isBehind' | 'unsentBytes'>
  pushState(event: string, state: JsonText): void
}
