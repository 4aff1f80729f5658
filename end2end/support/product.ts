import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const BINARY =
  process.env.SIMONE_BINARY ?? resolve(import.meta.dirname, '../../target/debug/simone');
const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 10_000;

/** A `simone demo` of one test's own: its ports, its data, its simulators. */
export class Product {
  /** Where the product answers, and where its simulators do. */
  readonly url: string;
  readonly simulatorUrl: string;
  /** All that it wrote to its terminal since its first start. */
  output = '';
  private process: ChildProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly simulatorPort: number,
    readonly dataDir: string,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
  }

  /** `lane` keeps workers that run side by side off each other's ports. */
  static async create(lane: number): Promise<Product> {
    const dataDir = await mkdtemp(join(tmpdir(), 'simone-e2e-'));
    return new Product(await freePort(lane), await freePort(lane), dataDir);
  }

  /** Starts it, with `env` added, and waits until the product and its simulators answer. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const args = ['demo', '--port', String(this.port)];
    args.push('--simulator-port', String(this.simulatorPort), '--data-dir', this.dataDir);
    // The settings of whoever runs the tests are not part of them.
    const outer = Object.entries(process.env).filter(([name]) => !name.startsWith('SIMONE_'));
    const child = spawn(BINARY, args, {
      cwd: this.dataDir,
      env: { ...Object.fromEntries(outer), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    running.add(child);
    child.once('close', () => running.delete(child));
    child.once('error', (error) => (this.output += `${error}\n`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await answers(`${this.url}/login`)) || !(await answers(`${this.simulatorUrl}/`))) {
      if (!this.alive()) throw new Error(`the product ended as it started:\n${this.output}`);
      if (Date.now() > deadline) {
        await this.kill();
        throw new Error(`the product does not answer at ${this.url}:\n${this.output}`);
      }
      await wait(25);
    }
  }

  alive(): boolean {
    const child = this.process;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Ends it at once, as a crash or a power cut would (`kill -9`). */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Asks it to stop, as an operator would; resolves to its exit code. */
  async stop(): Promise<number | null> {
    const child = this.process;
    await this.end('SIGTERM');
    return child?.exitCode ?? null;
  }

  /** A crash, and a new start on the same ports and data. */
  async restart(env: Record<string, string> = {}): Promise<void> {
    await this.kill();
    await this.start(env);
  }

  /** Ends it and removes its data. */
  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    if (!child || !this.alive()) return;
    const closed = once(child, 'close').then(() => true);
    child.kill(signal);
    const given = wait(STOP_DEADLINE_MS, false, { ref: false });
    if (!(await Promise.race([closed, given]))) {
      child.kill('SIGKILL');
      await closed;
      throw new Error(`the product did not heed ${signal}:\n${this.output}`);
    }
  }
}

/** Should the test runner end early, its products end with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}

/**
 * A free port below the range from which systems take ports for outgoing connections, so that it is still
 * free when the product starts again.
 */
async function freePort(lane: number): Promise<number> {
  for (;;) {
    const port = 20_000 + lane * 1_000 + (next++ % 1_000);
    if (await isFree(port)) return port;
  }
}
let next = process.pid;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
