import type { Line } from '../chat.ts'

export interface ToServer {
  say(body: string, done: (answer: { id: string } | { error: string }) => void): void
}

export interface ToClient {
  said(line: Line): void
  here(names: string[]): void
}
