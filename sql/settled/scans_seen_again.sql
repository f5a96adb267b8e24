-- Scans that may have been used again, and those that they may repeat: of the former the bytes, or every page, came in more
-- than one mail that is there by the clock of the run; the latter have the same bytes or hold all of those pages. A page that
-- many scans share, as a printed sheet of instructions, makes none of them suspect. Grain: one scan of one mail.
with scans as (
    select s.mail, s.number, s.state, s.digest, s.prints
    from staging.scans as s
    semi join core.mail_periods as p using (mail)
),
pages as (
    select mail, number, unnest(prints) as page from scans
),
mails_of_page as (
    select page, count(distinct mail) as mails from pages group by page
),
mails_of_file as (
    select digest, count(distinct mail) as mails from scans group by digest
),
suspects as (
    select s.*
    from scans as s
    inner join mails_of_file as f using (digest)
    left join (
        select mail, number, min(mails) as mails
        from pages
        inner join mails_of_page using (page)
        group by mail, number
    ) as p using (mail, number)
    where f.mails > 1 or p.mails > 1
),
found as (
    select mail, number from suspects
    union
    select s.mail, s.number
    from scans as s
    semi join suspects as t on t.digest = s.digest
    union
    select p.mail, p.number
    from pages as p
    inner join suspects as t on t.prints[1] = p.page
    inner join scans as s on s.mail = p.mail and s.number = p.number
    where list_has_all(s.prints, t.prints)
)
select s.*
from scans as s
semi join found using (mail, number)
