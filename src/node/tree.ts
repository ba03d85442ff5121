import type { Backoff } from '../supervision/backoff.ts'
import type { ChildInit } from '../supervision/child-spec.ts'
import { supervisor } from '../supervision/nested.ts'
import type { Supervisor, SupervisorOptions } from '../supervision/supervisor.ts'
import type { Endpoint } from './endpoint.ts'

/** The name of the tree's root, in all paths, events and errors. */
export const ROOT = 'beryl'

/** The one child of the tree that is the application's to use: the supervisor of its own children. */
export type BerylTree = readonly [...ChildInit[], ChildInit<Supervisor, 'app'>]

/** After `app` gave up. */
const APP_BACKOFF: Backoff = { minMs: 1_000, maxMs: 30_000 }

/**
 * The tree of the plugin, in the order in which it starts:
 *
 *     beryl                  rest_for_one, 3 restarts in 5 s
 *     ├─ pubsub              who on this node hears which topic; the way to the other nodes
 *     ├─ coordinator         one session for each connected client, temporary
 *     │   └─ session         one client
 *     │       └─ channel     one joined topic
 *     ├─ presence            who is where; talks to the other nodes over the pubsub
 *     ├─ groups              named sets of topics, likewise
 *     └─ app                 one_for_one, 3 restarts in 5 s; itself restarted with back-off, for ever
 *         └─ …               the application's own children
 *
 * A child comes behind all that it stands on: a crash takes along what comes after, and nothing else.
 */
export function berylTree(endpoint: Endpoint): SupervisorOptions<BerylTree> {
  const { presence, groups, options } = endpoint
  const { intensity, periodMs } = options.supervision
  const children: ChildInit[] = [
    { id: 'pubsub', start: ({ signal }) => endpoint.startPubSub(signal) },
    { id: 'coordinator', type: 'supervisor', start: () => endpoint.startSessions() },
  ]
  if (presence !== undefined) children.push({ id: 'presence', start: () => presence.start() })
  if (groups !== undefined) children.push({ id: 'groups', start: () => groups.start() })
  const app = { ...options.supervision.children, children: options.children }
  return {
    strategy: 'rest_for_one',
    intensity,
    periodMs,
    children: [...children, supervisor('app', app, { backoff: APP_BACKOFF })],
    clock: endpoint.clock,
    report: (event) => endpoint.report(event),
  }
}
