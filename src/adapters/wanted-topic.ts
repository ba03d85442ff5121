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
  waiting: Waiting | undefined
}

interface Waiting {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function makeTopic(): WantedTopic {
  return { state: 'subscribing', isWanted: true, wasOn: false, waiting: undefined }
}

export function waitFor(topic: WantedTopic): Promise<void> {
  topic.waiting ??= waiting()
  return topic.waiting.promise
}

function waiting(): Waiting {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}]
  const promise = new Promise<void>((kept, broken) => {
    resolve = kept
    reject = broken
  })
  return { promise, resolve, reject }
}

export function settle(topic: WantedTopic): void {
  topic.waiting?.resolve()
  topic.waiting = undefined
}
