import { WebSocket } from 'ws'

// A browser has a WebSocket; Node has one since 22. Import this before the clients.

if (!('WebSocket' in globalThis)) Reflect.set(globalThis, 'WebSocket', WebSocket)
