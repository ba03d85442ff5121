import { type Browser, chromium } from 'playwright-core'
import { pathOf } from './need.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the Chromium of the system, without a window and with a profile of its own that goes with it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: pathOf('chromium'), args: FLAGS, headless: true, timeout: 90_000 })
}
