import createError, { type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

interface ErrorRow {
  /** `%s` are filled in by {@link berylError}, in order. */
  readonly message: string
  /** The status that Fastify answers where the error reaches an HTTP route. */
  readonly statusCode: number
  /** The WebSocket close code, where the error ends a connection. */
  readonly closeCode?: number
  /** True where the same call may succeed later without a change of the program. */
  readonly retryable: boolean
}

/**
 * Every error that `fastify-beryl` throws, one row each. `docs/errors.md` explains them and is held equal by a test.
 */
export const errorTable = {
  BERYL_ERR_OPTION_INVALID: { message: "option '%s': wanted %s, got %s", statusCode: 500, retryable: false },
  BERYL_ERR_ARGUMENT: { message: '%s: %s: wanted %s, got %s', statusCode: 500, retryable: false },
  BERYL_ERR_ALREADY_REGISTERED: {
    message:
      'fastify-beryl is registered already, in this scope or around it: for a further entrance to the same tree call ' +
      "await app.register(mount, { path: '%s' }), with mount from 'fastify-beryl', and for further channels app.channels.register",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_NOT_REGISTERED: {
    message:
      '%s: fastify-beryl is not registered in this scope, nor around it: await app.register(beryl, …) there before',
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_DISABLED: {
    message: "%s is switched off: option '%s': wanted true, or nothing here for the default, got false",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_CHANNEL_INVALID: {
    message: "channel '%s': %s: wanted %s, got %s",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_CHANNEL_DUPLICATE: {
    message: "channel '%s' is registered already: each pattern has one definition",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_TOPIC_UNMATCHED: {
    message:
      'no channel is registered for topic %s: check its spelling, or register a channel whose pattern matches it first, with the ' +
      "option 'channels' or channels.register",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_EVENT_UNDECLARED: {
    message: "channel '%s' does not declare the outgoing event '%s' (declared: %s): add it to schema.out",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_INFO_UNDECLARED: {
    message: "channel '%s' does not declare the info %s in schema.info (declared: %s): add it there",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_PAYLOAD_INVALID: {
    message: "channel '%s', %s: the payload does not fit its schema: %s",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_TIMER_LIMIT: {
    message:
      "channel '%s': limits.timers: wanted at most %s timers, got one more: cancel those that are over",
    statusCode: 500,
    retryable: true,
  },
  BERYL_ERR_RESULT_INVALID: {
    message: "channel '%s', %s: wanted %s, got %s",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_CONNECT_INVALID: {
    message: '%s: wanted %s, got %s',
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_DEPENDENCY: {
    message: '%s %s is too old: wanted %s or newer, because %s',
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_WEBSOCKET_TWICE: {
    message:
      '@fastify/websocket is registered %s times for this server, and each of them would route every client: ' +
      'register it once, before fastify-beryl and all others that need it, in a scope around them',
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_NOT_RUNNING: {
    message:
      'fastify-beryl is not running: its state is %s, and this works between app.ready() and app.close()',
    statusCode: 503,
    closeCode: 1012,
    retryable: true,
  },
  BERYL_ERR_START_FAILED: { message: "'%s' failed to start: %s", statusCode: 500, retryable: false },
  BERYL_ERR_GAVE_UP: {
    message: "supervisor '%s' gave up: more than %s restarts in %s ms, the last of '%s': %s",
    statusCode: 503,
    closeCode: 1012,
    retryable: true,
  },
  BERYL_ERR_CHILD_SPEC: {
    message: "supervisor '%s', %s: wanted %s, got %s",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_START_TIMEOUT: {
    message: "'%s' did not finish its start within %s ms",
    statusCode: 500,
    retryable: true,
  },
  BERYL_ERR_ALREADY_STARTED: { message: "'%s' is running already", statusCode: 409, retryable: false },
  BERYL_ERR_CHILD_PRESENT: {
    message: "supervisor '%s' holds the stopped child '%s' already: restart it or delete it",
    statusCode: 409,
    retryable: false,
  },
  BERYL_ERR_CHILD_NOT_FOUND: {
    message: "supervisor '%s' has no child %s",
    statusCode: 404,
    retryable: false,
  },
  BERYL_ERR_CHILD_RUNNING: {
    message: "supervisor '%s': the child '%s' is running: terminate it first",
    statusCode: 409,
    retryable: false,
  },
  BERYL_ERR_CHILD_RESTARTING: {
    message: "supervisor '%s': the child '%s' is being restarted",
    statusCode: 409,
    retryable: true,
  },
  BERYL_ERR_MAX_CHILDREN: {
    message: "supervisor '%s' has all the children it may have: %s",
    statusCode: 503,
    retryable: true,
  },
  BERYL_ERR_NOPROC: { message: "'%s' is not running", statusCode: 503, retryable: true },
  BERYL_ERR_EXITED: { message: "'%s' exited: %s", statusCode: 500, retryable: true },
  BERYL_ERR_ASKED_TO_END: { message: "'%s' was asked to end: %s", statusCode: 503, retryable: true },
  BERYL_ERR_CALL_TIMEOUT: {
    message: "the call of '%s' to '%s' was not answered within %s ms",
    statusCode: 504,
    retryable: true,
  },
  BERYL_ERR_PRESENCE_INVALID: {
    message: "presence of '%s' on topic '%s', %s: wanted %s, got %s",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_PRESENCE_TRACKED: {
    message: "presence: this owner tracks '%s' on topic '%s' already: use update",
    statusCode: 409,
    retryable: false,
  },
  BERYL_ERR_PRESENCE_NOT_TRACKED: {
    message: "presence: this owner does not track '%s' on topic '%s': use track",
    statusCode: 404,
    retryable: false,
  },
  BERYL_ERR_PRESENCE_OWNER_ENDED: {
    message: "presence of '%s' on topic '%s': its owner has ended",
    statusCode: 409,
    retryable: false,
  },
  BERYL_ERR_PRESENCE_LIMIT: {
    message: "presence of '%s' on topic '%s': the limit '%s' of %s is reached",
    statusCode: 429,
    retryable: true,
  },
  BERYL_ERR_MESSAGE_TOO_LONG: {
    message: "the message to '%s' would have %s bytes between the nodes: '%s' is %s for the adapter %s",
    statusCode: 413,
    retryable: false,
  },
  BERYL_ERR_HISTORY_UNSUPPORTED: {
    message:
      "channel '%s' has a history, and the adapter '%s' keeps no log: take one that does (local, redis, cluster), or leave `history` out",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_HISTORY_UNDECLARED: {
    message: "channel '%s' keeps no history%s: name the event in `history: { events: […] }`",
    statusCode: 500,
    retryable: false,
  },
  BERYL_ERR_HISTORY_UNAVAILABLE: {
    message: "the log of '%s' is out of reach, and has not taken the entry: %s",
    statusCode: 503,
    retryable: true,
  },
  BERYL_ERR_HISTORY_UNKNOWN: {
    message: "the log of '%s' may have taken the entry: repeat it with the same id. %s",
    statusCode: 503,
    retryable: true,
  },
  BERYL_ERR_BROKER: {
    message: '%s at %s: %s',
    statusCode: 503,
    retryable: true,
  },
  BERYL_ERR_CLUSTER: { message: 'cluster: %s', statusCode: 500, retryable: false },
  BERYL_ERR_GROUP_EXISTS: { message: "group '%s' exists already", statusCode: 409, retryable: false },
  BERYL_ERR_GROUP_NOT_FOUND: {
    message: "there is no group '%s': groups.create makes it, groups.list() has all",
    statusCode: 404,
    retryable: false,
  },
} as const satisfies Record<`BERYL_ERR_${string}`, ErrorRow>

/** The code of an error of `fastify-beryl`: its `code` property. */
export type BerylErrorCode = keyof typeof errorTable

/** An error of `fastify-beryl`: a Fastify error whose `code` is a row of the table. */
export type BerylError = FastifyError & { readonly code: BerylErrorCode }

type Constructor = FastifyErrorConstructor<{ code: BerylErrorCode; statusCode: number }, unknown[]>

const constructors = new Map<BerylErrorCode, Constructor>()

/** Made on first use, once. */
function constructorOf(code: BerylErrorCode): Constructor {
  const { message, statusCode } = errorTable[code]
  const made =
    constructors.get(code) ?? createError<BerylErrorCode, number, unknown[]>(code, message, statusCode)
  constructors.set(code, made)
  return made
}

/**
 * Makes the error of a row. The last argument may be `{ cause }`, as `Error` takes it.
 *
 * @example throw berylError('BERYL_ERR_GROUP_NOT_FOUND', 'lobby')
 */
export function berylError(code: BerylErrorCode, ...details: unknown[]): BerylError {
  return new (constructorOf(code))(...details)
}

/** Shows a value in a refusal: short, on one line, never throwing, whatever it is. */
export function show(value: unknown): string {
  try {
    return shown(value)
  } catch {
    return typeof value === 'function' ? 'a function' : 'an object that cannot be read'
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(oneLine(value))
  if (typeof value === 'function')
    return isFilled(value.name) ? `function ${oneLine(value.name)}` : 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value !== 'object' || value === null) return oneLine(String(value))
  const name: unknown = value.constructor?.name
  if (isFilled(name) && name !== 'Object') return `an instance of ${oneLine(name)}`
  const keys = Object.keys(value)
  return keys.length === 0
    ? '{}'
    : `{ ${keys.slice(0, 5).map(oneLine).join(', ')}${keys.length > 5 ? ', …' : ''} }`
}

function isFilled(name: unknown): name is string {
  return typeof name === 'string' && name !== ''
}

/** On one line. */
function oneLine(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return short.replaceAll(/[\r\n]+/g, ' ')
}
