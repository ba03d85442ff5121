import './plugin.ts'

export type {
  ConnectContext,
  ConnectGrant,
  Connection,
  ConnectionAssigns,
  RenewContext,
  RenewGrant,
} from './channel/connection.ts'
export { defineChannel } from './channel/define.ts'
export type {
  AnySocket,
  ChannelDefinition,
  ChannelHistory,
  JoinContext,
  PublishOptions,
  SnapshotContext,
  Socket,
  SocketPresence,
  TerminateReason,
} from './channel/infer.ts'
export type { RegisteredChannels } from './channel/registered.ts'
export type { Later, Rejection, Reply, Stop, StopReason } from './channel/result.ts'
export { fail, later, reject, reply, stop } from './channel/result.ts'
export type { PayloadIssue } from './channel/schema.ts'
export { Binary } from './channel/schema.ts'
export type { TBinary } from './contract/binary.ts'
export type { Contract } from './contract/contract.ts'
export type { ChannelSchema } from './contract/schema.ts'
export type { Clock, Timer } from './ground/clock.ts'
export type { BerylError, BerylErrorCode } from './ground/errors.ts'
export { errorTable } from './ground/errors.ts'
export type { Limit, RateLimit } from './ground/option-checks.ts'
export type { CloseCode, ReplyReason, UpgradeStatus } from './ground/refusals.ts'
export { closeCodes, replyReasons, upgradeStatuses } from './ground/refusals.ts'
export type {
  LimitName,
  TelemetryEvents,
  TelemetryListener,
  TelemetryName,
  TreeState,
} from './ground/telemetry.ts'
export type { Groups } from './groups/groups.ts'
export type { HistoryEntry, HistoryQuery, TopicHistory } from './history/past.ts'
export type { BerylLoad, BerylStatus, Channels } from './node/channels.ts'
export type { EntranceStatus } from './node/entrances.ts'
export type { BerylOptions, MountOptions } from './node/options.ts'
export type { OnGiveUp, SupervisionOptions } from './node/supervision-options.ts'
export { beryl, beryl as default, mount } from './plugin.ts'
export type { PresenceDiff, PresenceEntry, Presences } from './presence/diff.ts'
export type { Presence, PresenceOwner } from './presence/presence.ts'
export type {
  AdapterCounts,
  AdapterLinkStatus,
  AdapterStatus,
  Deliver,
  PubSubAdapter,
  ReportStatus,
} from './pubsub/adapter.ts'
export type { PubSubReport } from './pubsub/door.ts'
export type { AppendOptions, LogLimits, LogListener, LogPage, LogPosition, PubSubLog } from './pubsub/log.ts'
export type { LongPollOptions } from './transport/longpoll/options.ts'
export type { CheckOrigin } from './transport/options.ts'
export type { SharedCompression } from './transport/websocket/options.ts'
