import { next, Weekday } from '../support/days.ts';
import { blocks, CAMILLE, connect, enter, openWeek } from '../support/story.ts';
import { expect, expectFits, test } from '../support/test.ts';

test('blocks that overlap cover each other nowhere', async ({ page, simulator }) => {
  const day = next(Weekday.Wednesday);
  const events = [
    ['Formation', '09:00', '12:00'],
    ['Appel', '10:00', '10:30'],
    ['Visite', '10:15', '11:30'],
    ['Minute', '11:30', '11:35'],
    ['Déjeuner', '12:00', '13:00'],
    ['Nuit blanche', '21:30', '23:59'],
  ] as const;
  const at = (time: string) => ({ dateTime: `${day}T${time}:00`, timeZone: 'Europe/Paris' });
  await simulator.edit(
    ...events.map(([summary, from, to]) => ({
      do: 'add_event',
      account: CAMILLE,
      event: { summary, start: at(from), end: at(to) },
    })),
  );
  await enter(page);
  await connect(page);
  await openWeek(page, day);
  const boxes = [];
  for (const [title] of events) {
    const block = blocks(page, day, title);
    await expect(block).toBeVisible();
    const box = (await block.boundingBox())!;
    expect(box.width * box.height, `${title} can be seen`).toBeGreaterThan(300);
    boxes.push({ title, left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height });
  }
  for (const one of boxes) {
    for (const other of boxes) {
      // A pixel of a border may be shared.
      const covers =
        one.left < other.right - 1 && other.left < one.right - 1 && one.top < other.bottom - 1 && other.top < one.bottom - 1;
      expect(one !== other && covers, `${one.title} covers ${other.title}`).toBe(false);
    }
  }
  await expectFits(page);
});

test('weeks can be walked through, from any date and back to today', async ({ page }) => {
  await enter(page);
  await connect(page);
  await page.goto('/agenda');
  const heading = page.getByRole('heading', { level: 1 });
  const thisWeek = (await heading.textContent())!;
  await page.getByRole('link', { name: 'Semaine précédente' }).click();
  await expect(heading).not.toHaveText(thisWeek);
  await page.getByRole('link', { name: 'Semaine suivante' }).click();
  await expect(heading).toHaveText(thisWeek);
  await page.goto('/agenda?week=2031-06-30');
  await expect(heading).toHaveText('30 juin – 6 juillet 2031');
  await page.getByRole('link', { name: 'Aujourd’hui' }).click();
  await expect(heading).toHaveText(thisWeek);
});
