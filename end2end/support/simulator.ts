/** The platforms that the simulators play. */
export type Platform = 'google' | 'outlook';

/** An account on a simulated platform, with tokens that work. */
export interface Account {
  platform: Platform;
  email: string;
  access_token: string;
  refresh_token: string;
}

export interface Event {
  id: string;
  summary?: string;
  /** What Microsoft calls it. */
  subject?: string;
}

/** The answer to an edit. */
export interface Edited {
  calendar: string;
  event?: Event;
}

/** The simulators' own controls, under `/_control/`. */
export class Simulator {
  constructor(readonly url: string) {}

  accounts(): Promise<Account[]> {
    return this.control('GET', 'accounts') as Promise<Account[]>;
  }

  async account(platform: Platform): Promise<Account> {
    const found = (await this.accounts()).find((it) => it.platform === platform);
    if (!found) throw new Error(`the simulators have no account on ${platform}`);
    return found;
  }

  addAccount(account: object): Promise<unknown> {
    return this.control('POST', 'accounts', account);
  }

  /** Makes answers fail; what can be set, the simulator's README says. */
  setFaults(faults: object | object[]): Promise<unknown> {
    return this.control('POST', 'faults', faults);
  }

  setClock(clock: object): Promise<unknown> {
    return this.control('POST', 'clock', clock);
  }

  reset(): Promise<unknown> {
    return this.control('POST', 'reset', {});
  }

  /** Ends all faults. */
  clearFaults(): Promise<unknown> {
    return this.control('DELETE', 'faults');
  }

  /** What a person does in their calendar; the simulator's README lists the edits. */
  edit(...edits: object[]): Promise<Edited[]> {
    return this.control('POST', 'edits', edits) as Promise<Edited[]>;
  }

  /** All that an account's calendar holds. */
  events(account: string, calendar = 'primary'): Promise<Event[]> {
    return this.control('GET', `events?${new URLSearchParams({ account, calendar })}`) as Promise<Event[]>;
  }

  /** The id of the event with that title. */
  async event(account: string, title: string, calendar = 'primary'): Promise<string> {
    const found = (await this.events(account, calendar)).find((it) => it.summary === title);
    if (!found) throw new Error(`${account} has no event called ${title}`);
    return found.id;
  }

  /** An organisation at Microsoft lets only its administrator agree, or has agreed to these clients. */
  setTenant(tenant: { tenant: string; needs_approval?: boolean; approved?: string[] }): Promise<unknown> {
    return this.control('POST', 'tenants', tenant);
  }

  /** The most requests that any mailbox at Microsoft had to answer at a time. */
  async mostAtATime(): Promise<number> {
    const mailboxes = (await this.control('GET', 'throttle')) as { highest: number }[];
    return Math.max(0, ...mailboxes.map((it) => it.highest));
  }

  /** The account's owner withdraws what they allowed. */
  revoke(account: string): Promise<unknown> {
    return this.control('POST', 'grants/revoke', { account });
  }

  /** What an account allowed at Microsoft ends, with the tokens that are in use. */
  endConsent(account: string): Promise<unknown> {
    return this.control('POST', 'grants/revoke', { account, at_once: true });
  }

  /** What accounts allowed, without tokens. */
  grants(): Promise<{ account: string }[]> {
    return this.control('GET', 'grants') as Promise<{ account: string }[]>;
  }

  /** Cursors given so far are no longer valid. */
  expireSyncTokens(account: string): Promise<unknown> {
    return this.control('POST', 'sync-tokens/expire', { account });
  }

  /** The access tokens in use end, so that the next call needs a fresh one. */
  expireTokens(account: string): Promise<unknown> {
    return this.control('POST', 'tokens/expire', { account });
  }

  /** A call to a platform's API as an account's owner, as another of their programs would make it. */
  async as(account: Account, method: string, path: string, body?: object): Promise<unknown> {
    return this.call(method, path, body, { authorization: `Bearer ${account.access_token}` });
  }

  private control(method: string, path: string, body?: object): Promise<unknown> {
    return this.call(method, `/_control/${path}`, body);
  }

  private async call(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: body ? { ...headers, 'content-type': 'application/json' } : headers,
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}
