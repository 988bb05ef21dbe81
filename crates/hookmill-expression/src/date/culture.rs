//! How cultures write dates. The words and patterns are those of the Unicode CLDR as .NET uses them.

/// One culture.
#[derive(Debug)]
pub(crate) struct Culture {
    /// Its name, such as `de-DE`.
    pub name: &'static str,
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

const ENGLISH: Culture = Culture {
    name: "en-US",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    genitives: None,
    months_short: Short::Cut(3, ""),
    days: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
    days_short: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
    am: "AM",
    pm: "PM",
    date_separator: "/",
    short_date: "M/d/yyyy",
    long_date: "dddd, MMMM d, yyyy",
    short_time: "h:mm tt",
    month_day: "MMMM d",
    year_month: "MMMM yyyy",
};

const BRITISH: Culture = Culture {
    name: "en-GB",
    short_date: "dd/MM/yyyy",
    long_date: "dd MMMM yyyy",
    short_time: "HH:mm",
    month_day: "d MMMM",
    ..ENGLISH
};

const GERMAN: Culture = Culture {
    name: "de-DE",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    days: ["Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"],
    days_short: ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"],
    date_separator: ".",
    short_date: "dd.MM.yyyy",
    long_date: "dddd, d. MMMM yyyy",
    short_time: "HH:mm",
    month_day: "d. MMMM",
    ..ENGLISH
};

const FRENCH: Culture = Culture {
    name: "fr-FR",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    months_short: Short::Listed([
        "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ]),
    days: ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"],
    days_short: ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."],
    short_date: "dd/MM/yyyy",
    long_date: "dddd d MMMM yyyy",
    short_time: "HH:mm",
    month_day: "d MMMM",
    ..ENGLISH
};

const PORTUGUESE: Culture = Culture {
    name: "pt-BR",
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    months_short: Short::Cut(3, "."),
    days: ["domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"],
    days_short: ["dom.", "seg.", "ter.", "qua.", "qui.", "sex.", "sáb."],
    short_date: "dd/MM/yyyy",
    long_date: "dddd, d 'de' MMMM 'de' yyyy",
    short_time: "HH:mm",
    month_day: "d 'de' MMMM",
    year_month: "MMMM 'de' yyyy",
    ..ENGLISH
};

const JAPANESE_MONTHS: [&str; 12] =
    ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"];

static CULTURES: &[Culture] = &[
    ENGLISH,
    BRITISH,
    Culture {
        name: "en-AU",
        short_date: "d/MM/yyyy",
        long_date: "dddd, d MMMM yyyy",
        short_time: "h:mm tt",
        ..BRITISH
    },
    Culture { name: "en-CA", short_date: "yyyy-MM-dd", date_separator: "-", ..ENGLISH },
    Culture { name: "en-IN", short_date: "dd-MM-yyyy", date_separator: "-", short_time: "h:mm tt", ..BRITISH },
    GERMAN,
    Culture {
        name: "de-AT",
        months: {
            let mut months = GERMAN.months;
            months[0] = "Jänner";
            months
        },
        ..GERMAN
    },
    Culture { name: "de-CH", ..GERMAN },
    FRENCH,
    Culture {
        name: "es-ES",
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        days: ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
        days_short: ["dom", "lun", "mar", "mié", "jue", "vie", "sáb"],
        short_date: "dd/MM/yyyy",
        long_date: "dddd, d 'de' MMMM 'de' yyyy",
        short_time: "H:mm",
        month_day: "d 'de' MMMM",
        year_month: "MMMM 'de' yyyy",
        ..ENGLISH
    },
    Culture {
        name: "it-IT",
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        days: ["domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"],
        days_short: ["dom", "lun", "mar", "mer", "gio", "ven", "sab"],
        short_date: "dd/MM/yyyy",
        long_date: "dddd d MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d MMMM",
        ..ENGLISH
    },
    Culture {
        name: "nl-NL",
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        months_short: Short::Listed([
            "jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec",
        ]),
        days: ["zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"],
        days_short: ["zo", "ma", "di", "wo", "do", "vr", "za"],
        date_separator: "-",
        short_date: "dd-MM-yyyy",
        long_date: "dddd d MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d MMMM",
        ..ENGLISH
    },
    PORTUGUESE,
    Culture { name: "pt-PT", ..PORTUGUESE },
    Culture {
        name: "pl-PL",
        months: [
            "styczeń",
            "luty",
            "marzec",
            "kwiecień",
            "maj",
            "czerwiec",
            "lipiec",
            "sierpień",
            "wrzesień",
            "październik",
            "listopad",
            "grudzień",
        ],
        genitives: Some([
            "stycznia",
            "lutego",
            "marca",
            "kwietnia",
            "maja",
            "czerwca",
            "lipca",
            "sierpnia",
            "września",
            "października",
            "listopada",
            "grudnia",
        ]),
        months_short: Short::Listed([
            "sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru",
        ]),
        days: ["niedziela", "poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota"],
        days_short: ["niedz.", "pon.", "wt.", "śr.", "czw.", "pt.", "sob."],
        date_separator: ".",
        short_date: "dd.MM.yyyy",
        long_date: "dddd, d MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d MMMM",
        ..ENGLISH
    },
    Culture {
        name: "sv-SE",
        months: [
            "januari",
            "februari",
            "mars",
            "april",
            "maj",
            "juni",
            "juli",
            "augusti",
            "september",
            "oktober",
            "november",
            "december",
        ],
        months_short: Short::Listed([
            "jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec.",
        ]),
        days: ["söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"],
        days_short: ["sön", "mån", "tis", "ons", "tors", "fre", "lör"],
        am: "fm",
        pm: "em",
        date_separator: "-",
        short_date: "yyyy-MM-dd",
        long_date: "'den 'd MMMM yyyy",
        short_time: "HH:mm",
        month_day: "'den 'd MMMM",
        ..ENGLISH
    },
    Culture {
        name: "da-DK",
        months: [
            "januar",
            "februar",
            "marts",
            "april",
            "maj",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "december",
        ],
        days: ["søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"],
        days_short: ["sø", "ma", "ti", "on", "to", "fr", "lø"],
        date_separator: "-",
        short_date: "dd-MM-yyyy",
        long_date: "d. MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d. MMMM",
        ..ENGLISH
    },
    Culture {
        name: "nb-NO",
        months: [
            "januar",
            "februar",
            "mars",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "desember",
        ],
        days: ["søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"],
        days_short: ["søn.", "man.", "tir.", "ons.", "tor.", "fre.", "lør."],
        date_separator: ".",
        short_date: "dd.MM.yyyy",
        long_date: "dddd d. MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d. MMMM",
        ..ENGLISH
    },
    Culture {
        name: "fi-FI",
        months: [
            "tammikuu",
            "helmikuu",
            "maaliskuu",
            "huhtikuu",
            "toukokuu",
            "kesäkuu",
            "heinäkuu",
            "elokuu",
            "syyskuu",
            "lokakuu",
            "marraskuu",
            "joulukuu",
        ],
        genitives: Some([
            "tammikuuta",
            "helmikuuta",
            "maaliskuuta",
            "huhtikuuta",
            "toukokuuta",
            "kesäkuuta",
            "heinäkuuta",
            "elokuuta",
            "syyskuuta",
            "lokakuuta",
            "marraskuuta",
            "joulukuuta",
        ]),
        days: ["sunnuntai", "maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai"],
        days_short: ["su", "ma", "ti", "ke", "to", "pe", "la"],
        am: "ap.",
        pm: "ip.",
        date_separator: ".",
        short_date: "d.M.yyyy",
        long_date: "dddd d. MMMM yyyy",
        short_time: "H.mm",
        month_day: "d. MMMM",
        ..ENGLISH
    },
    Culture {
        name: "is-IS",
        months: [
            "janúar",
            "febrúar",
            "mars",
            "apríl",
            "maí",
            "júní",
            "júlí",
            "ágúst",
            "september",
            "október",
            "nóvember",
            "desember",
        ],
        months_short: Short::Cut(3, "."),
        days: ["sunnudagur", "mánudagur", "þriðjudagur", "miðvikudagur", "fimmtudagur", "föstudagur", "laugardagur"],
        days_short: ["sun.", "mán.", "þri.", "mið.", "fim.", "fös.", "lau."],
        am: "f.h.",
        pm: "e.h.",
        date_separator: ".",
        short_date: "d.M.yyyy",
        long_date: "dddd, d. MMMM yyyy",
        short_time: "HH:mm",
        month_day: "d. MMMM",
        ..ENGLISH
    },
    Culture {
        name: "cs-CZ",
        months: [
            "leden",
            "únor",
            "březen",
            "duben",
            "květen",
            "červen",
            "červenec",
            "srpen",
            "září",
            "říjen",
            "listopad",
            "prosinec",
        ],
        genitives: Some([
            "ledna",
            "února",
            "března",
            "dubna",
            "května",
            "června",
            "července",
            "srpna",
            "září",
            "října",
            "listopadu",
            "prosince",
        ]),
        months_short: Short::Listed([
            "led", "úno", "bře", "dub", "kvě", "čvn", "čvc", "srp", "zář", "říj", "lis", "pro",
        ]),
        days: ["neděle", "pondělí", "úterý", "středa", "čtvrtek", "pátek", "sobota"],
        days_short: ["ne", "po", "út", "st", "čt", "pá", "so"],
        am: "dop.",
        pm: "odp.",
        date_separator: ".",
        short_date: "dd.MM.yyyy",
        long_date: "dddd d. MMMM yyyy",
        short_time: "H:mm",
        month_day: "d. MMMM",
        ..ENGLISH
    },
    Culture {
        name: "ru-RU",
        months: [
            "январь",
            "февраль",
            "март",
            "апрель",
            "май",
            "июнь",
            "июль",
            "август",
            "сентябрь",
            "октябрь",
            "ноябрь",
            "декабрь",
        ],
        genitives: Some([
            "января",
            "февраля",
            "марта",
            "апреля",
            "мая",
            "июня",
            "июля",
            "августа",
            "сентября",
            "октября",
            "ноября",
            "декабря",
        ]),
        days: ["воскресенье", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота"],
        days_short: ["вс", "пн", "вт", "ср", "чт", "пт", "сб"],
        date_separator: ".",
        short_date: "dd.MM.yyyy",
        long_date: "dddd, d MMMM yyyy 'г.'",
        short_time: "HH:mm",
        month_day: "d MMMM",
        year_month: "MMMM yyyy 'г.'",
        ..ENGLISH
    },
    Culture {
        name: "tr-TR",
        months: [
            "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "Kasım",
            "Aralık",
        ],
        days: ["Pazar", "Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi"],
        days_short: ["Paz", "Pzt", "Sal", "Çar", "Per", "Cum", "Cmt"],
        am: "ÖÖ",
        pm: "ÖS",
        date_separator: ".",
        short_date: "d.MM.yyyy",
        long_date: "d MMMM yyyy dddd",
        short_time: "HH:mm",
        month_day: "d MMMM",
        ..ENGLISH
    },
    Culture {
        name: "ja-JP",
        months: JAPANESE_MONTHS,
        months_short: Short::Listed(JAPANESE_MONTHS),
        days: ["日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"],
        days_short: ["日", "月", "火", "水", "木", "金", "土"],
        am: "午前",
        pm: "午後",
        short_date: "yyyy/MM/dd",
        long_date: "yyyy年M月d日dddd",
        short_time: "H:mm",
        month_day: "M月d日",
        year_month: "yyyy年M月",
        ..ENGLISH
    },
    Culture {
        name: "zh-CN",
        months: ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"],
        months_short: Short::Listed(JAPANESE_MONTHS),
        days: ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
        days_short: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
        am: "上午",
        pm: "下午",
        short_date: "yyyy/M/d",
        long_date: "yyyy年M月d日dddd",
        short_time: "HH:mm",
        month_day: "M月d日",
        year_month: "yyyy年M月",
        ..ENGLISH
    },
    Culture {
        name: "ko-KR",
        months: ["1월", "2월", "3월", "4월", "5월", "6월", "7월", "8월", "9월", "10월", "11월", "12월"],
        months_short: Short::Listed([
            "1월", "2월", "3월", "4월", "5월", "6월", "7월", "8월", "9월", "10월", "11월", "12월",
        ]),
        days: ["일요일", "월요일", "화요일", "수요일", "목요일", "금요일", "토요일"],
        days_short: ["일", "월", "화", "수", "목", "금", "토"],
        am: "오전",
        pm: "오후",
        date_separator: "-",
        short_date: "yyyy. M. d.",
        long_date: "yyyy년 M월 d일 dddd",
        short_time: "tt h:mm",
        month_day: "M월 d일",
        year_month: "yyyy년 M월",
        ..ENGLISH
    },
];
