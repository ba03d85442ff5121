import { Deferred } from '../ground/deferred.ts'

/**
 * One topic at the engine. There is never more than one command for it under way.
 *
 *     subscribing ──confirmed──▶ on ──unsubscribe──▶ lingering ──2 s──▶ unsubscribing ──confirmed──▶ (gone)
 *      │  │ ▲  ▲                 │▲                    │                     │
 *      │  │ │  └──(link lost)────┘└────────────────────┘ subscribe           │ wanted again
 *      │  │ └────────────────────────────────────────────────────────────────┘
 *      │  └──elsewhere──▶ adrift: asked for again by `retry`, or taken to another link. So is one that was on
 *      └──refused──▶ refused: asked for again by the next subscribe, and over each new link
 *
 * A topic that nobody wants any more is looked at when its command is confirmed; where the link is lost, it is gone.
 */
export interface WantedTopic {
  state: 'subscribing' | 'on' | 'lingering' | 'unsubscribing' | 'refused' | 'adrift'
  isWanted: boolean
  /** It was on before its link was lost, or before it came adrift. */
  wasOn: boolean
  /** Those who wait for the confirmation. */
  waiting: Deferred | undefined
}

export function makeTopic(): WantedTopic {
  return { state: 'subscribing', isWanted: true, wasOn: false, waiting: undefined }
}

export function waitFor(topic: WantedTopic): Promise<void> {
  topic.waiting ??= new Deferred()
  return topic.waiting.promise
}

export function settle(topic: WantedTopic): void {
  topic.waiting?.resolve()
  topic.waiting = undefined
}
