export type { Contract } from '../contract/contract.ts'
export type { Channel } from './channel.ts'
export type { ChannelOptions, Client, ClientOptions } from './client.ts'
export { createClient } from './client.ts'
export type { Issue, LocalReason, ServerReason } from './error.ts'
export { ChannelError } from './error.ts'
export type { PhoenixChannel, PhoenixPush, PhoenixSocket } from './phoenix.ts'
export type { Given, SocketOptions } from './socket.ts'
export type {
  Answer,
  AnyApp,
  ChannelChange,
  ChannelPresence,
  ChannelState,
  ClientState,
  Position,
  PresenceChange,
  Present,
} from './types.ts'
