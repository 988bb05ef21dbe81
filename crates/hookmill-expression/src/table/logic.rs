//! Functions of conditions and numbers.

use super::{Evaluator::Lazy, Evaluator::Strict, Function, row};
use crate::{logic, math};

pub(super) static ROWS: &[Function] = &[
    row!(Logical, "and(condition, …)", 1.., Lazy(logic::and), "Whether all are true; stops at the first that is not.", "@and(true, equals(1, 1))" => "true"),
    row!(Logical, "or(condition, …)", 1.., Lazy(logic::or), "Whether any is true; stops at the first that is.", "@or(false, equals(1, 1))" => "true"),
    row!(Logical, "not(condition)", 1..=1, Strict(logic::not), "The opposite.", "@not(false)" => "true"),
    row!(Logical, "equals(value, value)", 2..=2, Strict(logic::equals), "Whether both are equal: same kind, same content; case matters.", "@equals('main', 'Main')" => "false"),
    row!(Logical, "greater(value, value)", 2..=2, Strict(logic::greater), "Whether the first number or text is greater.", "@greater(10, 5)" => "true"),
    row!(Logical, "greaterOrEquals(value, value)", 2..=2, Strict(logic::greater_or_equals), "Whether the first number or text is greater or the same.", "@greaterOrEquals(5, 5)" => "true"),
    row!(Logical, "less(value, value)", 2..=2, Strict(logic::less), "Whether the first number or text is less.", "@less('apple', 'Banana')" => "true"),
    row!(Logical, "lessOrEquals(value, value)", 2..=2, Strict(logic::less_or_equals), "Whether the first number or text is less or the same.", "@lessOrEquals(10, 5)" => "false"),
    row!(Logical, "if(condition, valueIfTrue, valueIfFalse)", 3..=3, Lazy(logic::if_then), "One of two values; the other is not evaluated.", "@if(equals(1, 1), 'yes', 'no')" => r#""yes""#),
];

pub(super) static MATH: &[Function] = &[
    row!(Math, "add(number, number)", 2..=2, Strict(math::add), "The sum.", "@add(1, 1.5)" => "2.5"),
    row!(Math, "sub(number, number)", 2..=2, Strict(math::sub), "The difference.", "@sub(10, 3)" => "7"),
    row!(Math, "mul(number, number)", 2..=2, Strict(math::mul), "The product.", "@mul(6, 7)" => "42"),
    row!(Math, "div(number, number)", 2..=2, Strict(math::div), "The quotient; of two integers without the fraction.", "@div(7, 2)" => "3"),
    row!(Math, "mod(number, number)", 2..=2, Strict(math::modulo), "The remainder, with the sign of the first number.", "@mod(7, 2)" => "1"),
    row!(Math, "min(number, …)", 1.., Strict(math::min), "The least of several numbers or of an array.", "@min(3, 1, 2)" => "1"),
    row!(Math, "max(number, …)", 1.., Strict(math::max), "The greatest of several numbers or of an array.", "@max(createArray(3, 1, 2))" => "3"),
    row!(Math, "rand(from, below)", 2..=2, Strict(math::rand), "A random integer from the first number to below the second.", "@rand(5, 6)" => "5"),
    row!(Math, "range(start, count)", 2..=2, Strict(math::range), "So many integers from the start on.", "@range(1, 3)" => "[1,2,3]"),
];
