import type { Campaign } from './campaign.ts'
import { rawFrames } from './campaigns/frames.ts'
import { upgradeHeads } from './campaigns/heads.ts'
import { sessionMessages, wireMessages } from './campaigns/messages.ts'
import { pluginOptions } from './campaigns/options.ts'

/** Every campaign, with its part of a thousand messages. */
const PARTS: readonly (readonly [Campaign, number])[] = [
  [sessionMessages, 600],
  [wireMessages, 250],
  [rawFrames, 125],
  [upgradeHeads, 20],
  [pluginOptions, 5],
]

export const campaigns: readonly Campaign[] = PARTS.map(([campaign]) => campaign)

/** Shares out a number of messages among the campaigns. */
export function plan(messages: number): [Campaign, number][] {
  return PARTS.map(([campaign, part]) => [campaign, Math.ceil((messages * part) / 1_000)])
}
