import { buildChat } from './server.ts'

const { PORT = '3000', HOST = '127.0.0.1' } = process.env

const app = await buildChat({ logger: { level: 'warn' } })
const address = await app.listen({ port: Number(PORT), host: HOST })
console.log(`The chat is at ${address} - open it in two windows`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
