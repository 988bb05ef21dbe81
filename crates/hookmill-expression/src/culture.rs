//! How cultures write numbers and dates.

mod table;

use crate::arguments::{Arguments, Result};
use table::CULTURES;

/// One culture.
#[derive(Debug)]
pub(crate) struct Culture {
    /// Its name, such as `de-DE`.
    name: &'static str,
    pub numbers: Numbers,
    pub months: [&'static str; 12],
    /// The months as they stand beside a day, where that differs.
    genitives: Option<[&'static str; 12]>,
    /// Abbreviated months, where they are not the first characters.
    months_short: Short,
    pub days: [&'static str; 7],
    days_short: [&'static str; 7],
    pub am: &'static str,
    pub pm: &'static str,
    pub date_separator: &'static str,
    pub short_date: &'static str,
    pub long_date: &'static str,
    pub short_time: &'static str,
    pub month_day: &'static str,
    pub year_month: &'static str,
}

/// How a culture writes numbers.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// What stands before the fraction.
    pub point: &'static str,
    /// What stands between groups of digits.
    pub group: &'static str,
    /// Digits of the groups, from the point to the left; the last size repeats.
    pub group_sizes: &'static [usize],
    /// The sign of the currency.
    pub symbol: &'static str,
    pub currency_digits: usize,
    /// A positive and a negative amount; `¤` stands for the symbol, `n` for the digits.
    pub currency: [&'static str; 2],
    /// A positive percentage; a negative one has the minus in front.
    pub percent: &'static str,
}

#[derive(Debug)]
enum Short {
    /// The first characters of the full name, then this text where something was cut.
    Cut(usize, &'static str),
    Listed([&'static str; 12]),
}

impl Culture {
    /// en-US
    pub fn english() -> &'static Self {
        &CULTURES[0]
    }

    /// Finds a culture by its name (`de-DE`) or its language alone (`de`), ignoring case.
    pub fn find(name: &str) -> Option<&'static Self> {
        let by_name = CULTURES.iter().find(|culture| culture.name.eq_ignore_ascii_case(name));
        by_name.or_else(|| {
            let language = |culture: &&Self| name.len() == 2 && culture.name[..2].eq_ignore_ascii_case(name);
            CULTURES.iter().find(language)
        })
    }

    /// The culture that the optional argument at `index` names; en-US without one.
    pub fn of_argument(a: &Arguments, index: usize) -> Result<&'static Self> {
        match a.optional_string(index)? {
            None => Ok(Self::english()),
            Some(name) => Self::find(&name).ok_or_else(|| a.refuse(format!("'{name}' is not a known locale"))),
        }
    }

    /// The pattern `T`: the short time with seconds.
    pub fn long_time(&self) -> String {
        self.short_time.replacen("mm", "mm:ss", 1)
    }

    pub fn month_abbreviated(&self, month: usize) -> String {
        match &self.months_short {
            Short::Listed(names) => names[month].to_owned(),
            Short::Cut(length, mark) => {
                let full = self.months[month];
                match full.char_indices().nth(*length) {
                    Some((end, _)) => format!("{}{mark}", &full[..end]),
                    None => full.to_owned(),
                }
            }
        }
    }

    pub fn day_abbreviated(&self, day: usize) -> &'static str {
        self.days_short[day]
    }

    pub fn genitive(&self, month: usize) -> &'static str {
        self.genitives.as_ref().map_or(self.months[month], |names| names[month])
    }

    /// Which of day, month and year comes first, second and third in a numeric date.
    pub fn order(&self) -> [char; 3] {
        let mut order: Vec<(usize, char)> =
            ['d', 'M', 'y'].into_iter().filter_map(|letter| Some((self.short_date.find(letter)?, letter))).collect();
        order.sort_unstable();
        match order[..] {
            [(_, a), (_, b), (_, c)] => [a, b, c],
            _ => ['M', 'd', 'y'],
        }
    }

    /// The month a word names, counted from 0; full, genitive or abbreviated.
    pub fn month_named(&self, word: &str) -> Option<usize> {
        let word = word.trim_end_matches('.').to_lowercase();
        (0..12).find(|month| {
            self.months[*month].to_lowercase() == word
                || self.genitive(*month).to_lowercase() == word
                || self.month_abbreviated(*month).trim_end_matches('.').to_lowercase() == word
        })
    }

    /// The day of the week a word names, counted from Sunday.
    pub fn day_named(&self, word: &str) -> Option<usize> {
        let word = word.trim_end_matches('.').to_lowercase();
        (0..7).find(|day| {
            self.days[*day].to_lowercase() == word || self.days_short[*day].trim_end_matches('.').to_lowercase() == word
        })
    }
}
