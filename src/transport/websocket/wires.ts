import type { Socket } from 'node:net'
import type { PerMessageDeflateOptions, WebSocket } from 'ws'
import type { Clock } from '../../ground/clock.ts'
import type { Wire } from '../../session/wire.ts'
import { DeflateWire } from './deflate-wire.ts'
import { Deflater } from './deflater.ts'
import { Inflater } from './inflater.ts'
import { SenderWire, SocketWire } from './socket-wire.ts'

/** A node's way to compress: not, as ws does it, or shared by all connections. */
export type Compression = boolean | Deflater

/** The extension as ws is to agree to it. A client need not ask for a message by itself to be told that it gets, and is to send, such. */
export function negotiable(compression: Compression): boolean | PerMessageDeflateOptions {
  if (typeof compression === 'boolean') return compression
  const { thresholdBytes: threshold } = compression
  return { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold }
}

/** Makes the wire of a client that was let in. Without a socket (`injectWS`) ws writes. */
export type MakeWire = (ws: WebSocket, socket: Socket | undefined) => Wire

/** @param maxPayload of a client's message, 0: no limit */
export function wiresOf(compression: Compression, maxPayload: number, clock: Clock): MakeWire {
  const plain: MakeWire = (ws, socket) =>
    socket === undefined || ws.extensions !== '' ? new SenderWire(ws) : new SocketWire(ws, socket)
  if (!(compression instanceof Deflater)) return plain
  const inflater = new Inflater(maxPayload, clock)
  return (ws, socket) => {
    const window = socket === undefined ? undefined : inflater.takeOver(ws)
    if (socket === undefined || window === undefined) return plain(ws, socket)
    return new DeflateWire(ws, socket, compression, window)
  }
}
