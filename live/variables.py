"""Every environment variable of the program, from the packages that read them."""

from checkout.payments.settings import PAYMENT_VARIABLES
from kit.settings import VARIABLES
from kit.traces import TRACE_VARIABLES

ALL_VARIABLES = (*VARIABLES, *PAYMENT_VARIABLES, *TRACE_VARIABLES)
