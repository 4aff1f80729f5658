"""Makes tests/rules.json with python-dateutil, an expansion of recurrence rules that is independent of ours.

Run in this directory: python3 rules.py
"""

import random, json
from datetime import datetime
from dateutil.rrule import rrulestr
random.seed(20261122)
out=[]
days=['MO','TU','WE','TH','FR','SA','SU']
fixed=['FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30','FREQ=YEARLY','FREQ=MONTHLY;BYMONTHDAY=31','FREQ=MONTHLY;BYDAY=-1FR','FREQ=WEEKLY;BYDAY=TU','FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1','FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO','FREQ=YEARLY;BYWEEKNO=1,53','FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU','FREQ=YEARLY;BYYEARDAY=1,100,-1','FREQ=YEARLY;BYDAY=20MO','FREQ=YEARLY;BYMONTH=3;BYDAY=TH','FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR','FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU','FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=TU,SU','FREQ=DAILY;BYMONTH=1','FREQ=DAILY;COUNT=10','FREQ=DAILY;UNTIL=20260310T090000','FREQ=YEARLY;BYMONTHDAY=29;BYMONTH=2']
def rnd():
    f=random.choice(['DAILY','WEEKLY','MONTHLY','YEARLY']); p=['FREQ='+f]
    if random.random()<.5: p.append('INTERVAL=%d'%random.randint(1,5))
    if random.random()<.3: p.append('COUNT=%d'%random.randint(1,15))
    elif random.random()<.3: p.append('UNTIL=20%02d%02d%02dT120000'%(random.randint(26,34),random.randint(1,12),random.randint(1,28)))
    if random.random()<.6:
        n=random.sample(days,random.randint(1,3))
        if f in('MONTHLY','YEARLY') and random.random()<.6: n=[random.choice(['1','2','-1','-2','4'])+d for d in n]
        p.append('BYDAY='+','.join(n))
    if random.random()<.25: p.append('BYMONTH='+','.join(str(x) for x in sorted(random.sample(range(1,13),random.randint(1,3)))))
    if f!='WEEKLY' and random.random()<.25 : p.append('BYMONTHDAY='+','.join(str(x) for x in random.sample([1,5,13,28,30,31,-1,-3],random.randint(1,3))))
    if f in('MONTHLY','YEARLY') and random.random()<.2 and any(x.startswith('BY') for x in p): p.append('BYSETPOS='+random.choice(['1','-1','2','1,-1']))
    if random.random()<.2: p.append('WKST='+random.choice(['SU','MO','SA']))
    return ';'.join(p)
rules=[(r,datetime(2026,3,3,9,0)) for r in fixed]+[(rnd(),datetime(random.randint(2024,2027),random.randint(1,12),random.randint(1, 28),random.choice([0,9,23]),random.choice([0,30]))) for _ in range(400)]
for r,s in rules:
    occ=[]
    if 'BYMONTHDAY=30' in r and 'BYMONTH=2' in r and r.startswith('FREQ=YEARLY;BYMONTH=2;'): pass
    else:
        for o in rrulestr('RRULE:'+r,dtstart=s):
            if len(occ)>=12 or o.year>2060: break
            occ.append(o.strftime('%Y%m%dT%H%M'))
    out.append({'rule':r,'start':s.strftime('%Y%m%dT%H%M'),'first':occ})
with open('rules.json','w') as f:
    f.write('[\n'+',\n'.join(json.dumps(o,separators=(',',':')) for o in out)+'\n]\n')
