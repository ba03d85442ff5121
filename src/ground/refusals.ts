// The words and the numbers in which clients are told no. `docs/errors.md` explains them and is held equal by a test.

interface ReplyReasonRow {
  readonly message: string
  /** The message that is answered so: a join, a push, either, or a renewal. */
  readonly to: 'join' | 'push' | 'both' | 'renew'
  /** True where the same message may succeed later. */
  readonly retryable: boolean
}

/**
 * Why the library itself answers a client with status `error`: the `reason` of the response. What an application gives
 * to `reject` and `fail` stands beside them. The words with spaces are Phoenix's own.
 */
export const replyReasons = {
  'unmatched topic': { message: 'nothing is joined, or can be, on this topic', to: 'both', retryable: false },
  invalid_payload: {
    message: 'the payload does not fit its schema: `errors` says where',
    to: 'both',
    retryable: false,
  },
  'join crashed': { message: 'the callback `join` or `snapshot` failed', to: 'join', retryable: true },
  join_timeout: { message: 'the callback `join` or `snapshot` took too long', to: 'join', retryable: true },
  dismissed: { message: '`channels.leave` ended the join', to: 'join', retryable: false },
  'too many channels joined': {
    message: 'the connection has as many channels as it may',
    to: 'join',
    retryable: true,
  },
  topic_too_long: { message: 'the topic has more bytes than it may', to: 'join', retryable: false },
  rate_limited: {
    message: 'the client sends too often: `retry_after_ms` says how long to wait',
    to: 'both',
    retryable: true,
  },
  overloaded: {
    message: 'too much waits for the channel, or for the connection',
    to: 'both',
    retryable: true,
  },
  history_unavailable: {
    message: 'the position that was asked for cannot be looked up: the log is out of reach',
    to: 'join',
    retryable: true,
  },
  unknown_event: { message: 'the channel does not declare this event', to: 'push', retryable: false },
  reserved_event: { message: 'only the server sends this event', to: 'push', retryable: false },
  binary_unsupported: {
    message: 'the answer is bytes, which version 1 of the protocol cannot carry',
    to: 'both',
    retryable: false,
  },
  renew_unsupported: {
    message: 'the entrance has no option `renew`: connect again with the new token',
    to: 'renew',
    retryable: false,
  },
  renew_pending: { message: 'an earlier renewal is being decided', to: 'renew', retryable: true },
  renew_timeout: { message: 'the callback `renew` took too long', to: 'renew', retryable: true },
  renew_crashed: { message: 'the callback `renew` failed', to: 'renew', retryable: true },
  expired: { message: 'the time that the new token has is over already', to: 'renew', retryable: false },
  other_identity: {
    message: 'the new token is of somebody else: connect again with it',
    to: 'renew',
    retryable: false,
  },
} as const satisfies Record<string, ReplyReasonRow>

export type ReplyReason = keyof typeof replyReasons

interface CloseCodeRow {
  readonly message: string
  /** True where a client may come back as it is. */
  readonly retryable: boolean
}

/** Every code with which the server closes a connection. */
export const closeCodes = {
  1000: { message: 'the answer to the close of the client', retryable: false },
  1001: { message: 'disconnected by the server, silent for too long, or expired', retryable: true },
  1002: { message: 'a frame that breaks the rules of WebSocket', retryable: false },
  1007: { message: 'a message that is none of the protocol, or is not UTF-8', retryable: false },
  1008: { message: 'a flood of messages, or a message in too many pieces', retryable: false },
  1009: { message: 'a message that is too large', retryable: false },
  1011: { message: 'a fault of the server', retryable: true },
  1012: { message: 'the server goes, or starts again', retryable: true },
} as const satisfies Record<number, CloseCodeRow>

export type CloseCode = keyof typeof closeCodes

interface UpgradeStatusRow {
  readonly message: string
  readonly retryable: boolean
}

/** Every status with which a connection is refused before the upgrade. A browser does not tell its page which. */
export const upgradeStatuses = {
  400: { message: 'a request that cannot be read', retryable: false },
  403: { message: 'the origin, the version, the sub-protocol or `connect` says no', retryable: false },
  426: { message: 'a request on the path of the socket that asks for no upgrade', retryable: false },
  429: { message: 'too many connections from one address', retryable: true },
  500: { message: '`connect` failed', retryable: true },
  503: { message: 'too many connections, or the server is not running', retryable: true },
} as const satisfies Record<number, UpgradeStatusRow>

export type UpgradeStatus = keyof typeof upgradeStatuses
