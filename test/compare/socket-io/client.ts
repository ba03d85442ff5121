import { io, type Socket } from 'socket.io-client'
import type { Chat, Page } from '../chat.ts'
import type { ToClient, ToServer } from './contract.ts'

export function open(url: string, id: string, name: string, page: Page): Chat {
  const socket: Socket<ToClient, ToServer> = io(url, { auth: { room: id, name } })
  socket.on('said', page.said)
  socket.on('here', page.here)
  return {
    async say(body) {
      const answer = await socket.timeout(10_000).emitWithAck('say', body)
      if ('error' in answer) throw new Error(answer.error)
      return answer.id
    },
    close: () => socket.close(),
  }
}
