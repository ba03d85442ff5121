import { createClient } from 'fastify-beryl/client'
import type { Chat, Page } from '../chat.ts'
import type { room } from './contract.ts'

export function open(url: string, id: string, name: string, page: Page): Chat {
  const client = createClient<[typeof room]>(`${url}/socket`)
  const channel = client.channel(`room:${id}`, { name })
  channel.on('said', page.said)
  channel.presence.onChange(() => page.here(channel.presence.list().map(({ key }) => key)))
  channel.join().catch(() => {})
  return {
    say: async (body) => (await channel.push('say', { body })).id,
    close: () => client.close(),
  }
}
