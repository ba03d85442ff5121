import type { PubSubAdapter } from './adapter.ts'

/** The default adapter: there is one node, so there is nothing to carry. */
export function local(): PubSubAdapter {
  return {
    name: 'local',
    isSolo: true,
    status: 'up',
    start() {},
    publish() {},
    subscribe() {},
    unsubscribe() {},
    stop() {},
  }
}
