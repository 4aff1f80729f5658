// The pictures of the README, taken by `cargo xtask screenshots`.

import { next, plus, Weekday } from '../support/days.ts';
import { calendarSwitch, CAMILLE, CAMILLE_WORK, card, connect, connectOutlook, enter, FAMILY, openWeek, sync, untilShown } from '../support/story.ts';
import { test } from '../support/test.ts';

test('the pictures', async ({ page, simulator, takePicture }) => {
  test.slow();
  // The demo's events spread over this week and the next, depending on today; the picture is of one full week.
  const monday = next(Weekday.Monday);
  const timed = (summary: string, day: number, from: string, to: string) => ({
    summary,
    start: { dateTime: `${plus(monday, day)}T${from}:00`, timeZone: 'Europe/Paris' },
    end: { dateTime: `${plus(monday, day)}T${to}:00`, timeZone: 'Europe/Paris' },
  });
  const wholeDays = (summary: string, day: number, days: number) => ({
    summary,
    start: { date: plus(monday, day) },
    end: { date: plus(monday, day + days) },
  });
  const add = (account: string, event: object) => ({ do: 'add_event', account, event });
  const addToOutlook = (subject: string, day: number, from: string, to: string) => {
    const at = (time: string) => ({ dateTime: `${plus(monday, day)}T${time}:00`, timeZone: 'Europe/Paris' });
    const event = { subject, start: at(from), end: at(to) };
    return { platform: 'outlook', do: 'add_event', account: CAMILLE_WORK, event };
  };
  await simulator.edit(
    add(CAMILLE, timed('Ostéopathe', 0, '09:00', '10:00')),
    add(CAMILLE, timed('Garage', 2, '08:30', '09:30')),
    add(CAMILLE, timed('Déjeuner avec Karim', 2, '12:30', '14:00')),
    add(CAMILLE, wholeDays('Formation à Lyon', 4, 2)),
    addToOutlook('Appel fournisseur', 1, '10:00', '11:00'),
    addToOutlook('Compta', 3, '10:00', '12:00'),
    addToOutlook('Livraison d’huiles', 3, '11:00', '11:30'),
  );
  await enter(page);
  await connect(page);
  await calendarSwitch(page, FAMILY).click();
  await connectOutlook(page);
  await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
  await sync(page, CAMILLE);
  await sync(page, CAMILLE_WORK);

  await page.goto('/settings/calendars');
  await takePicture('calendars');
  await openWeek(page, monday);
  await takePicture('agenda');

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await takePicture('agenda-phone-dark');
});
