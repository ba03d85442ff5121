/** A place in which foreign code is called, as `docs/foreign-code.md` names it. */
export interface Place {
  readonly name: string
  /** A promise that it gives is dropped by JavaScript itself, before the library sees it. */
  readonly losesPromises?: true
  /** Behaviours that need this cannot be played there. */
  readonly notFor?: readonly string[]
  /** Called when the application closes, and misbehaves then. */
  readonly isAtTheEnd?: true
  /** Played in a life in which the tree crashes until it gives up. */
  readonly isOfTheTree?: true
}

/** The name of a place of the door; that of a client who polls is another one. */
export function byPoll(place: string, way: string): string {
  return way.includes('longpoll') ? `${place} of a poll` : place
}

const of = (...names: readonly string[]): readonly Place[] => names.map((name) => ({ name }))
const ofJson = (...names: readonly string[]): readonly Place[] =>
  names.map((name) => ({ name, losesPromises: true }))

export const places: readonly Place[] = [
  ...of(
    'checkOrigin',
    'connect',
    'a getter of what connect gives',
    'connectionTopic',
    'checkOrigin of a poll',
    'connect of a poll',
    'connectionTopic of a poll',
    'renew',
    'a getter of what renew gives',
    'connectionTopic of a renewal',
  ),
  ...ofJson('toJSON of the error of a renewal'),
  ...of(
    'check of the payload of a join',
    'check of the reply to a join',
    'check of the error of a join',
    'check of a payload',
    'check of a reply',
    'check of the error of a reply',
    'check of an event',
    'check of an info',
    'check of a presence',
    'message of a check',
    'join',
    'snapshot',
  ),
  ...ofJson('a getter of what join gives', 'toJSON of the reply to a join', 'toJSON of the error of a join'),
  ...of(
    'joined',
    'a handler',
    'the promise of later',
    'a timer of a socket',
    'a handler of an info',
    'intercept',
    'terminate',
  ),
  ...ofJson('toJSON of a reply', 'a getter of a reply', 'toJSON of the error of a reply'),
  ...ofJson(
    'toJSON of a push',
    'toJSON of a broadcast',
    'a getter of a broadcast',
    'toJSON of an info',
    'toJSON of a presence',
  ),
  ...of(
    'update function of a presence',
    'a listener of socket.signal',
    'an object that listens to socket.signal',
    'onabort of socket.signal',
    'a listener of telemetry',
    'a listener of telemetry about joins',
    'a listener of telemetry about ends',
    'a listener of a topic',
    'a listener of presence',
  ),
  { name: 'adapter.start', isOfTheTree: true },
  ...of('adapter.publish', 'adapter.subscribe', 'adapter.unsubscribe', 'adapter.status', 'adapter.isDeaf'),
  { name: 'adapter.log.listen', isOfTheTree: true },
  ...of('adapter.log.append', 'adapter.log.read', 'adapter.log.forget', 'adapter.log.here'),
  { name: 'adapter.stop', isAtTheEnd: true },
  // Fastify calls them too, and drops what they give.
  ...ofJson('a method of the logger', 'isLevelEnabled of the logger', 'child of the logger'),
  ...of('a method of the logger that is asked by us alone'),
  ...ofJson('a serializer of the logger'),
  { name: 'supervision.onGiveUp', isOfTheTree: true },
  // Fastify reads what they throw, and stumbles over what cannot be read.
  { name: 'a preClose hook before the plugin', isAtTheEnd: true, notFor: ['care'] },
  { name: 'a preClose hook behind the plugin', isAtTheEnd: true, notFor: ['care'] },
  { name: 'an onClose hook before the plugin', isAtTheEnd: true, notFor: ['care'] },
  // Fastify waits for it before it calls ours.
  { name: 'an onClose hook behind the plugin', isAtTheEnd: true, notFor: ['care', 'time'] },
  ...of('collect of a metric', 'a function in a pattern'),
]
