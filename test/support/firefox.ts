import { type Browser, launch } from 'puppeteer-core'
import { pathOf } from './need.ts'

/** Starts the Firefox of the system over WebDriver BiDi, without a window and with a profile of its own that goes with it. */
export function launchFirefox(): Promise<Browser> {
  return launch({
    browser: 'firefox',
    protocol: 'webDriverBiDi',
    executablePath: pathOf('firefox'),
    headless: true,
    timeout: 90_000,
    protocolTimeout: 120_000,
  })
}
